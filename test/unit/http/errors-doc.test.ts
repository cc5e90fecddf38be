import { expect, test } from 'vitest';
import { ERRORS_DOC, errorsDoc } from '../../tools/errors-doc.ts';

test('runtime/core/ERRORS.md is up to date (else run this test with -u)', async () => {
  await expect(errorsDoc()).toMatchFileSnapshot(ERRORS_DOC);
});
