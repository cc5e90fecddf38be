import { tripProgram } from './trip.ts';

export default tripProgram('reads-a-new-field');
