// The contract with transfer services, as the router knows it.
export type {
  AttachmentInfo, ExpectRequest, Granted, LayerStamps, LinkEvents, OpenRequest, Progress, Report, ServiceInfo, ServiceLink, TicketRole,
} from '#transfer/client.ts'; // prettier-ignore
