export { getBatch, listBatches, resultsOf } from './record.ts'
export { openUploads, type Uploads } from './upload.ts'
