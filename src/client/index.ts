export { openHttp, Unanswered, type Answered, type Http, type Question } from './http.ts'
