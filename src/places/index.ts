export { busSettings, neededPlaces, objectStoreOptions } from './places.ts'
export { watchDependencies, type Dependencies, type Dependency, type DependencyFacts } from './dependencies.ts'
export { tellLakeCall, tellTransaction } from './told.ts'
