import { tripProgram } from './trip.ts';

export default tripProgram('forgets-an-event');
