export { announce, listen, type AnnouncementName, type Announcements } from './announce.ts'
