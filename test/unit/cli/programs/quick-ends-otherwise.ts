import { tripProgram } from './trip.ts';

export default tripProgram('quick-ends-otherwise');
