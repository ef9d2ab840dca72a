export { busSettings, neededPlaces, objectStoreOptions } from './places.ts'
export { openRecord } from './record.ts'
export { watchDependencies, type Dependencies, type Dependency, type DependencyFacts } from './dependencies.ts'
export { tellLakeCall } from './told.ts'
