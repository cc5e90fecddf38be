import { tripProgram } from './trip.ts';

export default tripProgram('sleeps-first');
