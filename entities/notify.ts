import { type ActivityImplementation, activity } from 'perdure';
import { z } from 'zod';
import { Text } from './values.ts';

/**
 * Tells a person something. `about` says what kind of notice it is, `subject` what it is about; `token` completes a callback: it is the last
 * part of the link to click, `POST /v1/callbacks/{token}`.
 */
const Notice = z.object({
  to: Text,
  about: z.enum(['decision-wanted', 'reminder', 'escalation']),
  subject: Text,
  token: z.string().max(4_096).exactOptional(),
});
export type Notice = Readonly<z.output<typeof Notice>>;

/** Given up after about a minute: what nobody could be told of is not worth holding up a decision for. */
export const notify = activity('notify', { input: Notice, retry: { attempts: 6 }, timeout: '20 seconds' });

/** Notices that are written to a log. */
export function loggedNotices(log: (notice: Notice) => void): ActivityImplementation {
  return notify.implement((notice) => log(notice));
}
