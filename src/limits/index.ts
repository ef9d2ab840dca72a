export { keepLimits, type WantedLimits } from './keep.ts'
export { openLimiter, type Limiter, type Sender } from './limiter.ts'
export { MOST_ALLOWED, type Limits } from './rules.ts'
