export { busSettings, neededPlaces, objectStoreOptions } from './places.ts'
