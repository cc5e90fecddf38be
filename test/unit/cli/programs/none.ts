import { tripProgram } from './trip.ts';

export default tripProgram('none');
