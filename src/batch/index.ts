export { csvSplitter } from './csv.ts'
export { afterMark, isCells, START } from './place.ts'
export { getBatch, listBatches, resultsOf } from './record.ts'
export { openUploads, type Uploads } from './upload.ts'
