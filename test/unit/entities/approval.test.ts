import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Approval, approval } from '../../../entities/approval.ts';
import { type Notice, notify } from '../../../entities/notify.ts';
import { Approvals, approvals } from '../../../projections/approvals.ts';
import { crashedAtEveryStep } from './crashing.ts';

const HOUR = 3_600_000;
const a = Approval('a');
const request = { subject: 'new chairs', approvers: ['ann', 'bob', 'eve'], quorum: 2, timeoutMs: 8 * HOUR };
const vote = (approver: string, decision: 'approve' | 'reject' = 'approve') => a.decide({ approver, decision });

/** An office, and the notices that its people got. `reach` throws for whom it cannot reach. */
async function office(reach: (notice: Notice) => void = () => {}) {
  const mails: Notice[] = [];
  const deliver = notify.implement((notice) => {
    reach(notice);
    mails.push(notice);
  });
  const started = await testRuntime({ entities: [approval], projections: [approvals], activities: [deliver] });
  return { world: started, mails };
}

function linkOf(mails: readonly Notice[], approver: string): string {
  const token = mails.find(({ to, about }) => to === approver && about === 'decision-wanted')?.token;
  if (token === undefined) throw new Error(`${approver} got no link`);
  return token;
}

let world: TestRuntime;
let mails: Notice[];
beforeEach(async () => {
  ({ world, mails } = await office());
});
afterEach(() => world.stop());

const typesOf = (one = world) => one.events(approval, 'a').map(({ type }) => type);
const link = (approver: string) => linkOf(mails, approver);
const noticesTo = (about: Notice['about']) => mails.filter((mail) => mail.about === about).map(({ to }) => to);
const inbox = async (approver: string) =>
  (await world.rows(Approvals).find({ index: 'byApprover', equals: [approver, true] })).rows.map((row) => row.approval);

describe('a request', () => {
  it('asks every approver, each with a link of their own', async () => {
    await world.signal(a.request(request));
    expect(world.state(approval, 'a')).toEqual({ ...request, status: 'pending', votes: [] });
    expect(mails).toEqual(
      request.approvers.map((to) => ({ to, about: 'decision-wanted', subject: 'new chairs', token: expect.any(String) })),
    );
    expect(new Set(mails.map(({ token }) => token)).size).toBe(3);
  });

  it('is made once', async () => {
    await world.signal(a.request(request));
    await world.signal(a.request({ ...request, quorum: 1 }));
    expect(world.state(approval, 'a')).toMatchObject({ quorum: 2 });
    expect(mails).toHaveLength(3);
  });

  it.each([
    { ...request, quorum: 4 },
    { ...request, quorum: 0 },
    { ...request, approvers: [] },
    { ...request, approvers: ['ann', 'ann'] },
    { ...request, approvers: ['ann', 'team/bob'] },
    { ...request, approvers: Array.from({ length: 101 }, (_, n) => `a${n}`) },
    { ...request, subject: '' },
    { ...request, timeoutMs: 0 },
    { ...request, timeoutMs: 4_000 * 86_400_000 },
  ])('refuses the payload %#', async (payload) => {
    await expect(world.update(a.request(payload))).rejects.toMatchObject({ code: 'invalid-payload' });
  });
});

describe('decide', () => {
  it('approves with the vote that makes the quorum', async () => {
    const sent = await world.signal(a.request(request));
    await world.update(vote('ann'));
    expect(world.state(approval, 'a')).toMatchObject({ status: 'pending' });
    await world.update(a.decide({ approver: 'eve', decision: 'approve', comment: 'at last' }));
    expect(world.state(approval, 'a')).toMatchObject({
      status: 'approved',
      votes: [
        { approver: 'ann', decision: 'approve' },
        { approver: 'eve', decision: 'approve', comment: 'at last' },
      ],
    });
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
    expect(world.now).toBe(Date.parse('2026-01-01T00:00:00Z'));
  });

  it('rejects as soon as the quorum cannot be reached any more', async () => {
    const sent = await world.signal(a.request(request));
    await world.update(vote('ann', 'reject'));
    expect(world.state(approval, 'a')).toMatchObject({ status: 'pending' });
    await world.update(vote('bob', 'reject'));
    expect(await world.outcome(sent)).toEqual({ decision: 'rejected' });
  });

  it('of a unanimous quorum rejects with the first no', async () => {
    const sent = await world.signal(a.request({ ...request, quorum: 3 }));
    await world.update(vote('bob', 'reject'));
    expect(await world.outcome(sent)).toEqual({ decision: 'rejected' });
  });

  it('is rejected for who is not asked, has voted, or comes too late', async () => {
    await expect(world.update(vote('ann'))).rejects.toMatchObject({ code: 'closed', details: { status: 'new' } });
    await world.signal(a.request(request));
    await expect(world.update(vote('mallory'))).rejects.toMatchObject({ code: 'not-an-approver' });
    await world.update(vote('ann'));
    await expect(world.update(vote('ann', 'reject'))).rejects.toMatchObject({ code: 'already-decided' });
    await world.update(vote('bob'));
    await expect(world.update(vote('eve'))).rejects.toMatchObject({ code: 'closed', details: { status: 'approved' } });
    expect(typesOf()).toEqual(['Requested', 'Voted', 'Voted', 'Decided']);
  });

  it('of approvers that are named like parts of an object counts as any other', async () => {
    const sent = await world.signal(a.request({ ...request, approvers: ['__proto__', 'constructor'], quorum: 2 }));
    await world.update(vote('__proto__'));
    await world.update(vote('constructor'));
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });
});

describe('a link', () => {
  it('votes without knowing who one is', async () => {
    const sent = await world.signal(a.request(request));
    await world.callback(link('bob'), { result: { decision: 'approve', comment: 'fine' } });
    expect(world.state(approval, 'a')).toMatchObject({ votes: [{ approver: 'bob', decision: 'approve', comment: 'fine' }] });
    await world.callback(link('ann'), { result: { decision: 'approve' } });
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });

  it('and decide may be mixed', async () => {
    const sent = await world.signal(a.request(request));
    await world.callback(link('bob'), { result: { decision: 'reject' } });
    await expect(world.update(vote('bob'))).rejects.toMatchObject({ code: 'already-decided' });
    await world.update(vote('eve', 'reject'));
    expect(await world.outcome(sent)).toEqual({ decision: 'rejected' });
  });

  it('of an approval with the longest of ids fits into its notice', async () => {
    const id = '€'.repeat(255);
    const sent = await world.signal(Approval(id).request({ ...request, quorum: 1 }), { id: '"'.repeat(128) });
    await world.callback(link('ann'), { result: { decision: 'approve' } });
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });

  it('of who has voted already changes nothing, and the approval goes on', async () => {
    const sent = await world.signal(a.request(request));
    await world.update(vote('bob'));
    await world.callback(link('bob'), { result: { decision: 'reject' } });
    expect(world.state(approval, 'a')).toMatchObject({ status: 'pending', votes: [{ approver: 'bob', decision: 'approve' }] });
    await world.update(vote('eve'));
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });

  it('takes nothing but a decision, and stays usable then', async () => {
    await world.signal(a.request(request));
    await expect(world.callback(link('bob'), { result: { decision: 'perhaps' } })).rejects.toMatchObject({ code: 'invalid-payload' });
    await world.callback(link('bob'), { result: { decision: 'approve' } });
    expect(world.state(approval, 'a')).toMatchObject({ votes: [{ approver: 'bob' }] });
  });

  it('that is completed with an error is used up; decide still works', async () => {
    const sent = await world.signal(a.request({ ...request, quorum: 1 }));
    await world.callback(link('bob'), { error: { code: 'mail-bounced', message: 'no such person' } });
    expect(world.state(approval, 'a')).toMatchObject({ status: 'pending', votes: [] });
    await world.update(vote('bob'));
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });

  it('of an approval that is decided is closed', async () => {
    await world.signal(a.request({ ...request, quorum: 1 }));
    await world.update(vote('ann'));
    await expect(world.callback(link('bob'), { result: { decision: 'approve' } })).rejects.toMatchObject({ code: 'callback-closed' });
  });
});

describe('reminders', () => {
  it('go to who has not voted, three times before the deadline, with the link again', async () => {
    await world.signal(a.request(request));
    await world.advance(2 * HOUR - 1);
    expect(noticesTo('reminder')).toEqual([]);
    await world.advance(1);
    expect(noticesTo('reminder')).toEqual(['ann', 'bob', 'eve']);
    await world.update(vote('bob'));
    await world.advance(2 * HOUR);
    expect(noticesTo('reminder').slice(3)).toEqual(['ann', 'eve']);
    await world.advance(2 * HOUR);
    expect(noticesTo('reminder').slice(5)).toEqual(['ann', 'eve']);
    await world.advance(2 * HOUR);
    expect(noticesTo('reminder')).toHaveLength(7);
    expect(mails.filter(({ to }) => to === 'ann').map(({ token }) => token)).toEqual(Array.from({ length: 4 }, () => link('ann')));
  });

  it('come no more when it is decided', async () => {
    await world.signal(a.request({ ...request, quorum: 1 }));
    await world.update(vote('bob'));
    await world.advance('1 day');
    expect(noticesTo('reminder')).toEqual([]);
    expect(noticesTo('escalation')).toEqual([]);
  });
});

describe('a time-out', () => {
  it('ends it and is told to those who look after such things', async () => {
    const sent = await world.signal(a.request(request));
    await world.update(vote('ann'));
    await world.advance(8 * HOUR - 1);
    expect(world.state(approval, 'a')).toMatchObject({ status: 'pending' });
    await world.advance(1);
    expect(world.state(approval, 'a')).toMatchObject({ status: 'timedOut', votes: [{ approver: 'ann' }] });
    expect(noticesTo('escalation')).toEqual(['escalations']);
    expect(await world.outcome(sent)).toEqual({ decision: 'timedOut' });
    await expect(world.update(vote('bob'))).rejects.toMatchObject({ code: 'closed' });
    await expect(world.callback(link('bob'), { result: { decision: 'approve' } })).rejects.toMatchObject({ code: 'callback-closed' });
  });

  it('of milliseconds and of years is one to the millisecond', async () => {
    for (const [id, timeoutMs] of [
      ['short', 3],
      ['long', 9 * 365 * 86_400_000],
    ] as const) {
      const before = world.now;
      expect(await world.update(Approval(id).request({ ...request, timeoutMs }))).toEqual({ decision: 'timedOut' });
      expect(world.now - before).toBe(timeoutMs);
    }
  });
});

describe('a notice that reaches nobody', () => {
  it('is told in the history and holds nothing up', async () => {
    await world.stop();
    ({ world, mails } = await office(({ to }) => {
      if (to === 'bob') throw new Error('no such mailbox');
    }));
    const sent = await world.signal(a.request({ ...request, quorum: 3 }));
    await world.advance('5 minutes');
    expect(world.events(approval, 'a').slice(1)).toEqual([
      { type: 'NoticeFailed', data: { to: 'bob', about: 'decision-wanted', reason: 'activity-failed' } },
    ]);
    for (const approver of request.approvers) await world.update(vote(approver));
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });
  });

  it('of the escalation does not keep it from ending', async () => {
    await world.stop();
    ({ world, mails } = await office(({ about }) => {
      if (about === 'escalation') throw new Error('nobody there');
    }));
    expect(await world.update(a.request(request))).toEqual({ decision: 'timedOut' });
    expect(typesOf()).toEqual(['Requested', 'Decided', 'NoticeFailed']);
  });
});

describe('a cancelled approval', () => {
  it('is nobody’s business any more: no vote, no link, no reminder', async () => {
    const sent = await world.signal(a.request(request));
    await world.admin({ type: 'approval', id: 'a', verb: 'cancel' });
    await expect(world.outcome(sent)).rejects.toMatchObject({ code: 'cancelled' });
    expect(world.state(approval, 'a')).toMatchObject({ status: 'cancelled' });
    await expect(world.update(vote('ann'))).rejects.toMatchObject({ code: 'closed', details: { status: 'cancelled' } });
    await expect(world.callback(link('ann'), { result: { decision: 'approve' } })).rejects.toMatchObject({ code: 'callback-closed' });
    await world.advance('1 day');
    expect(mails).toHaveLength(3);
    expect(await inbox('ann')).toEqual([]);
  });
});

describe('approvals', () => {
  it('is the inbox of every approver: what waits for them, soonest first, and what came of it', async () => {
    await world.signal(a.request(request));
    await world.signal(Approval('b').request({ ...request, approvers: ['ann'], quorum: 1, timeoutMs: HOUR }));
    expect(await inbox('ann')).toEqual(['b', 'a']);
    expect(await inbox('bob')).toEqual(['a']);
    await world.update(vote('ann'));
    expect(await inbox('ann')).toEqual(['b']);
    await world.update(vote('bob'));
    expect(await inbox('eve')).toEqual([]);
    expect(await world.rows(Approvals).get('eve/a')).toMatchObject({ status: 'approved', vote: null, isWaiting: false });
    expect(await world.rows(Approvals).get('ann/a')).toMatchObject({ status: 'approved', vote: 'approve', subject: 'new chairs' });
    await world.advance(HOUR);
    expect(await world.rows(Approvals).get('ann/b')).toMatchObject({ status: 'timedOut', vote: null, isWaiting: false });
    const ofA = await world.rows(Approvals).find({ index: 'byApproval', equals: ['a'] });
    expect(ofA.keys).toEqual(['ann/a', 'bob/a', 'eve/a']);
  });

  it('knows an approval with slashes in its id', async () => {
    await world.signal(Approval('2026/7').request(request));
    expect(await world.rows(Approvals).get('bob/2026/7')).toMatchObject({ approver: 'bob', approval: '2026/7' });
  });
});

describe('a crash at any moment', () => {
  it('loses no vote and no link', async () => {
    let notices: Notice[];
    await crashedAtEveryStep({
      world: async () => {
        const started = await office();
        notices = started.mails;
        return started.world;
      },
      act: async (one) => {
        const sent = await one.signal(a.request({ ...request, quorum: 3 }), { id: 'request' });
        await one.update(vote('ann'), { id: 'ann' });
        // A node that takes over mails again what the other one may not have mailed. A minute passes with an update, which outlives a crash.
        await one.update(Approval('other').request({ ...request, approvers: ['zoe'], quorum: 1, timeoutMs: 60_000 }), { id: 'other' });
        await one.callback(linkOf(notices, 'bob'), { result: { decision: 'approve' } });
        await one.update(vote('eve'), { id: 'eve' });
        expect(await one.outcome(sent)).toEqual({ decision: 'approved' });
      },
      holds: async (one) => {
        expect(typesOf(one)).toEqual(['Requested', 'Voted', 'Voted', 'Voted', 'Decided']);
      },
    });
  });

  it('keeps the deadline and its reminders', async () => {
    await crashedAtEveryStep({
      world: async () => (await office()).world,
      act: async (one) => {
        expect(await one.update(a.request(request), { id: 'request' })).toEqual({ decision: 'timedOut' });
      },
      holds: async (one) => {
        expect(typesOf(one)).toEqual(['Requested', 'Decided']);
        expect(one.now).toBeGreaterThanOrEqual(Date.parse('2026-01-01T08:00:00Z'));
      },
    });
  });
});
