import { tripProgram } from './trip.ts';

export default tripProgram('no-serial');
