export { IntentCondemned, abandonIntent, closeIntent, openIntent, type Intent } from './intents.ts'
