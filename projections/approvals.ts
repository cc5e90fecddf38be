import { projection } from 'perdure';
import { z } from 'zod';
import { approval } from '../entities/approval.ts';

/**
 * The inbox of every approver: a row per approver and approval, keyed `{approver}/{approval}`. `isWaiting` while a vote of this approver is
 * wanted; `vote` is theirs, `status` that of the approval. Times are milliseconds since 1970.
 */
const Row = z.object({
  approver: z.string(),
  approval: z.string(),
  subject: z.string(),
  status: z.enum(['pending', 'approved', 'rejected', 'timedOut', 'cancelled']),
  vote: z.enum(['approve', 'reject']).nullable(),
  isWaiting: z.boolean(),
  requestedAt: z.int(),
  dueAt: z.int(),
  updatedAt: z.int(),
});

export const Approvals = projection('approvals', {
  row: Row,
  version: 1,
  indexes: { byApprover: ['approver', 'isWaiting', 'dueAt'], byApproval: ['approval', 'approver'] },
});

export const approvals = Approvals.from(
  approval,
  {
    Requested: (_row, { subject, timeoutMs }, { id, key, time }) => ({
      // Nobody has a slash in their name, but an approval may have one in its id.
      approver: key.slice(0, key.indexOf('/')),
      approval: id,
      subject,
      status: 'pending',
      vote: null,
      isWaiting: true,
      requestedAt: time,
      dueAt: time + timeoutMs,
      updatedAt: time,
    }),
    Voted: (row, { decision }, { time }) => row && { ...row, vote: decision, isWaiting: false, updatedAt: time },
    Decided: (row, { decision }, { time }) => row && { ...row, status: decision, isWaiting: false, updatedAt: time },
    Cancelled: (row, _ended, { time }) => row && { ...row, status: 'cancelled', isWaiting: false, updatedAt: time },
  },
  (event, { id }) => {
    if (event.type === 'NoticeFailed') return undefined;
    const approvers = event.type === 'Voted' ? [event.data.approver] : event.data.approvers;
    return approvers.map((approver) => `${approver}/${id}`);
  },
);
