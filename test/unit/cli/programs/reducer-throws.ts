import { tripProgram } from './trip.ts';

export default tripProgram('reducer-throws');
