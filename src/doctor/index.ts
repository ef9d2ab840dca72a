export { doctorCommand, type DoctorOptions } from './command.ts'
