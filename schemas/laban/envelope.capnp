# The envelope: CloudEvents 1.0 attributes, its correlation extension, the AMQP-style address, and the payload.
#
# A producer writes it once; nobody rewrites it, unless it is erased. What the hub adds (offset, recordedtime, principal) travels
# beside it, never inside it. On the wire and in the log an envelope is one Cap'n Proto segment without a
# segment table, at most 16 MiB.
@0xc0a52f4e7d9b1e60;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("laban::schema");

struct Envelope {
  id @0 :Text;               # unique per source
  source @1 :Text;           # the service that says it
  type @2 :Text;             # what happened, for example order.placed
  subject @3 :Text;          # the business entity
  time @4 :Int64;            # when it happened, nanoseconds since 1970 UTC; 0 is unknown
  dataschema @5 :Text;       # capnp:TYPEID in hexadecimal for a Cap'n Proto payload, else a URI or empty
  datacontenttype @6 :Text;  # application/x-capnp, application/json, else opaque bytes
  correlationid @7 :Text;    # the process instance
  causationid @8 :Text;      # the id of the event that caused this one
  traceparent @9 :Text;      # W3C trace context, of the flow and not of the hop
  sequence @10 :UInt64;      # dense per producer, from 1; 0 where nothing was sequenced
  partitionkey @11 :Text;    # order is kept within it; empty means the process instance
  exchange @12 :Text;
  routingkey @13 :Text;
  headers @14 :List(Header);
  data @15 :Data;            # the payload; a Cap'n Proto payload is one segment without a segment table
  expirytime @16 :Int64;     # nanoseconds since 1970 UTC; 0 is never
  deliverytime @17 :Int64;   # not delivered from queues before this instant; 0 is at once
  priority @18 :UInt8;       # between keys of one queue, never within a key
  replyto @19 :Text;
  mandatory @20 :Bool;       # refuse instead of parking when no queue is reached
  erased @21 :Bool;          # set by the hub alone: subject and data were made unreadable, `laban erase`
}

struct Header {
  name @0 :Text;
  value :union {
    none @1 :Void;
    text @2 :Text;
    integer @3 :Int64;
    real @4 :Float64;
    flag @5 :Bool;
    bytes @6 :Data;
  }
}

struct Recorded {
  # An envelope as the hub stored it.
  offset @0 :UInt64;         # dense, one an event, from 1
  recordedtime @1 :Int64;    # the hub's clock, nanoseconds since 1970 UTC, never going back
  principal @2 :Text;        # who the hub authenticated; empty without access control
  envelope @3 :Data;
}
