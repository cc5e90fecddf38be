import { CancelledError, durable, entity, Rejection, type Run, signal, type Turn } from 'perdure';
import { z } from 'zod';
import { refusalOf } from './callee.ts';
import { type Notice, notify } from './notify.ts';
import { Identifier, Text } from './values.ts';

// ── contract ──

/** No slash, so that approver and approval can share a key of the inbox. */
const Approver = Identifier.regex(/^[^/]*$/);
const MAX_APPROVERS = 100;
const TEN_YEARS_MS = 10 * 366 * 86_400_000;
const Request = z
  .object({
    subject: Text,
    approvers: z
      .array(Approver)
      .min(1)
      .max(MAX_APPROVERS)
      .refine((approvers) => new Set(approvers).size === approvers.length, 'each approver once')
      .readonly(),
    quorum: z.int().min(1).max(MAX_APPROVERS),
    timeoutMs: z.int().min(1).max(TEN_YEARS_MS),
  })
  .refine(({ approvers, quorum }) => quorum <= approvers.length, { path: ['quorum'], error: 'at most as many as there are approvers' });
/** What a link answers: the body of `POST /v1/callbacks/{token}` is `{result: {decision, comment?}}`. */
const Answer = z.object({
  decision: z.enum(['approve', 'reject']),
  comment: z
    .string()
    .max(1_000)
    .regex(/^\P{Cs}*$/u)
    .exactOptional(),
});
const Vote = Answer.extend({ approver: Approver });
const Decision = z.enum(['approved', 'rejected', 'timedOut']);

export const Approval = entity(
  'approval',
  {
    request: signal({ input: Request, output: z.object({ decision: Decision }), once: true }),
    decide: signal({ input: Vote }),
  },
  { rejects: ['not-an-approver', 'already-decided', 'closed'] },
);

// ── state ──

type Request = Readonly<z.output<typeof Request>>;
type Vote = Readonly<z.output<typeof Vote>>;
type Decision = z.output<typeof Decision>;
interface Requested extends Request {
  readonly votes: readonly Vote[];
}
interface Pending extends Requested {
  readonly status: 'pending';
}
interface Decided extends Requested {
  readonly status: Decision;
}
/** `cancelled`: by whoever asked for it, or by an operator; nobody decided anything. */
interface Cancelled extends Requested {
  readonly status: 'cancelled';
}
type State = { readonly status: 'new' } | Pending | Decided | Cancelled;
/** Whose inboxes the end of an approval concerns: in its event, so that readers need not remember requests. */
type Ended = Pick<Request, 'approvers'>;

const model = Approval.fold((): State => ({ status: 'new' }), {
  Requested: (_state, request: Request) => ({ ...request, status: 'pending', votes: [] }),
  Voted: (state, vote: Vote) => (state.status === 'pending' ? { ...state, votes: [...state.votes, vote] } : state),
  Decided: (state, { decision }: Ended & { decision: Decision }) => (state.status === 'pending' ? { ...state, status: decision } : state),
  Cancelled: (state, _ended: Ended) => (state.status === 'pending' ? { ...state, status: 'cancelled' } : state),
  /** Somebody could not be told: the approval goes on, and whoever reads its history sees why they did not answer. */
  NoticeFailed: (state, _failed: Pick<Notice, 'to' | 'about'> & { reason: string }) => state,
});

function isDecided(state: State): state is Decided {
  return state.status === 'approved' || state.status === 'rejected' || state.status === 'timedOut';
}

/** Rejected as soon as those who have not voted are too few to reach the quorum. */
function decisionOf({ votes, approvers, quorum }: Pending): Decision | undefined {
  const approved = votes.filter(({ decision }) => decision === 'approve').length;
  const rejected = votes.length - approved;
  if (approved >= quorum) return 'approved';
  return approvers.length - rejected < quorum ? 'rejected' : undefined;
}

// ── behaviour ──

/** The time is cut into so many parts; between them, whoever has not voted is reminded. */
const PARTS = 4;
/** Who hears of approvals that nobody decided. */
const ESCALATION = 'escalations';

export const approval = model.implement({
  signals: {
    request: durable(async (approval, request) => {
      approval.emit.Requested(request);
      try {
        return { decision: await decided(approval, request) };
      } catch (error) {
        if (error instanceof CancelledError) approval.emit.Cancelled({ approvers: request.approvers });
        throw error;
      }
    }),

    decide(approval, vote) {
      record(approval, vote);
    },
  },
});

type Approving = Run<typeof model>;
/** A way to vote without knowing more than a token. */
interface Link {
  readonly approver: string;
  readonly answer: Promise<z.output<typeof Answer> | undefined> & { readonly token: string };
}

function record(approval: Turn<typeof model>, vote: Vote): void {
  const state = approval.state();
  if (state.status !== 'pending') throw Approval.reject('closed', { status: state.status });
  const { approvers, votes } = state;
  if (!approvers.includes(vote.approver)) throw Approval.reject('not-an-approver', { approver: vote.approver });
  if (votes.some(({ approver }) => approver === vote.approver)) throw Approval.reject('already-decided', { approver: vote.approver });
  approval.emit.Voted(vote);
  const decision = decisionOf({ ...state, votes: [...votes, vote] });
  if (decision !== undefined) approval.emit.Decided({ decision, approvers });
}

/** Asks, and waits for the quorum or the deadline. */
async function decided(approval: Approving, request: Request): Promise<Decision> {
  const { approvers, subject, timeoutMs } = request;
  const startMs = approval.now();
  const timeout = new Date(startMs + timeoutMs);
  const links = approvers.map((approver): Link => ({ approver, answer: approval.callback({ output: Answer, timeout }) }));
  const decision = approval.until(isDecided, { timeout });
  const asking = Promise.all([
    ...links.map((link) => counted(approval, link)),
    ...links.map((link) => told(approval, noticeOf(link, 'decision-wanted', subject))),
    reminded(approval, request, startMs, links),
  ]);
  // That everybody was asked ends nothing, but a defect in the asking is no reason to wait for the deadline.
  const state = (await Promise.race([decision, asking.then(() => decision)])) ?? approval.state();
  if (isDecided(state)) return state.status;
  approval.emit.Decided({ decision: 'timedOut', approvers });
  await told(approval, { to: ESCALATION, about: 'escalation', subject });
  return 'timedOut';
}

/**
 * Counts the vote that comes by a link, if one does. Two things are no harm: a vote that comes too late or twice, and a link that is completed
 * with an error. Who did so has had their answer, and the link is used up; they may still vote with `decide` while that is possible.
 */
async function counted(approval: Approving, { approver, answer }: Link): Promise<void> {
  try {
    const vote = await answer;
    if (vote !== undefined) record(approval, { approver, ...vote });
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
  }
}

async function reminded(approval: Approving, { subject, timeoutMs }: Request, startMs: number, links: readonly Link[]): Promise<void> {
  for (let part = 1; part < PARTS; part++) {
    await approval.sleep(new Date(startMs + Math.floor((timeoutMs * part) / PARTS)));
    const state = approval.state();
    if (state.status !== 'pending') return;
    const silent = links.filter(({ approver }) => !state.votes.some((vote) => vote.approver === approver));
    await Promise.all(silent.map((link) => told(approval, noticeOf(link, 'reminder', subject))));
  }
}

async function told(approval: Approving, notice: Notice): Promise<void> {
  try {
    await approval.call(notify(notice));
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined || error instanceof CancelledError) throw error;
    approval.emit.NoticeFailed({ to: notice.to, about: notice.about, reason });
  }
}

function noticeOf({ approver, answer }: Link, about: Notice['about'], subject: string): Notice {
  return { to: approver, about, subject, token: answer.token };
}
