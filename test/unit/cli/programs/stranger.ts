import { entity, signal } from 'perdure';

const other = entity('other', { note: signal() })
  .fold((): null => null, {})
  .implement({ signals: { note: () => undefined } });

/** A program that has lost the journey. */
export default { entities: [other] };
