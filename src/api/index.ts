export { ROUTE_TEMPLATES } from './route-table.ts'
export { runApi, type RunningProcess } from './run.ts'
export { startApi, type ApiPlaces, type ApiSettings, type RunningApi } from './start.ts'
