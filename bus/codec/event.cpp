// bus/codec/event.cpp - what laban/event.hpp promises.
#include "laban/event.hpp"

namespace laban {

NewEvent copy_of(const Event& event) {
  const EventFields& fields = event.fields();
  NewEvent copy;
  copy.id = fields.id;
  copy.source = fields.source;
  copy.type = fields.type;
  copy.subject = fields.subject;
  copy.time = fields.time;
  copy.dataschema = fields.dataschema;
  copy.datacontenttype = fields.datacontenttype;
  copy.correlationid = fields.correlationid;
  copy.causationid = fields.causationid;
  copy.traceparent = fields.traceparent;
  copy.sequence = fields.sequence;
  copy.partitionkey = fields.partitionkey;
  copy.exchange = fields.exchange;
  copy.routingkey = fields.routingkey;
  copy.headers = fields.headers;
  copy.data.assign(fields.data.begin(), fields.data.end());
  copy.expirytime = fields.expirytime;
  copy.deliverytime = fields.deliverytime;
  copy.priority = fields.priority;
  copy.replyto = fields.replyto;
  copy.mandatory = fields.mandatory;
  return copy;
}

}  // namespace laban
