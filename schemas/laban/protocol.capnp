# The client-hub protocol, wire version 1. docs/protocol.md tells it as a story.
#
# DEALER <-> ROUTER: one frame, a ClientMessage or a HubMessage, each one Cap'n Proto segment without a segment table.
# XPUB  -> SUB:      two frames: the feed's id (16 bytes, unguessable) and a FeedBatch.
# PUB   -> XSUB:     one frame, a Fleeting: events at most once.
# A frame is at most 64 MiB. Unknown union members are answered with Refused(unknownMessage) and change nothing.
@0xa1d4e8f07c3b2956;

using Cxx = import "/capnp/c++.capnp";
using Envelope = import "envelope.capnp";
$Cxx.namespace("laban::schema");

const wireVersion :UInt16 = 1;

enum Level {
  accepted @0;   # in the hub's memory
  written @1;    # in the log, handed to the operating system
  synced @2;     # in the log, on the disk
}

struct ClientMessage {
  union {
    hello @0 :Hello;
    publish @1 :Publish;
    subscribe @2 :Subscribe;
    replay @3 :Replay;
    unsubscribe @4 :UInt64;     # the subscription's number
    consume @5 :Consume;
    cancel @6 :Cancel;
    settle @7 :Settle;
    request @8 :Request;
    ping @9 :Void;              # answered with pong; any message keeps the session's lease
    bye @10 :Void;              # clean close: deliveries go back, an anonymous producer is forgotten
    dropped @11 :Dropped;       # a subscription's overflow policy dropped events: for the ledger
  }
}

struct HubMessage {
  union {
    welcome @0 :Welcome;
    confirms @1 :Confirms;
    subscribed @2 :Subscribed;
    replayed @3 :Replayed;
    deliveries @4 :Deliveries;
    reply @5 :Reply;
    refused @6 :Refused;        # of what the client just said, where no other answer fits
    pong @7 :Pong;
    advanced @8 :Advanced;      # for a subscription that has no feed: there is more to replay
    cancelled @9 :Cancel;       # the hub ended a consumer, for example because its queue was deleted
  }
}

# --- session

struct Hello {
  wireVersion @0 :UInt16;
  source @1 :Text;              # the service's name, for people
  producer @2 :Text;            # a name, or the random incarnation of an anonymous one; empty publishes nothing
  named @3 :Bool;
  session @4 :UInt64;           # random per connect; a later hello of the same socket replaces the session
  logId @5 :UInt64;             # what the client last knew, 0 for nothing
  version @6 :Text;             # the client's software version
}

struct Welcome {
  wireVersion @0 :UInt16;
  logId @1 :UInt64;
  generation @2 :UInt32;        # grows when a log was restored from a backup
  firstOffset @3 :UInt64;       # the oldest event the log still has
  head @4 :UInt64;              # the newest event
  feeds @5 :Text;               # where SUB connects; a host of * stands for the host that the client used
  lastSequence @6 :UInt64;      # the highest stored sequence of this producer, 0 for none
  leaseMillis @7 :UInt32;       # a session silent for so long is dead
  version @8 :Text;
  ingest @9 :Text;              # where PUB connects for at-most-once publishing; empty where it is off
  generationStart @10 :UInt64;  # the first offset that was given in this generation
}

struct Refused {
  code @0 :RefusalCode;
  message @1 :Text;             # what is wrong: what to do
  about @2 :UInt64;             # the subscription, request or sequence it speaks of, 0 for the session
}

enum RefusalCode {
  unspecified @0;
  wireVersion @1;
  malformed @2;
  unknownMessage @3;
  noSession @4;                 # say hello first
  tooLarge @5;
  notFound @6;
  different @7;                 # declared otherwise before
  fenced @8;                    # another holder of the same producer name is newer
  storage @9;                   # the log cannot be written
  stopping @10;
  unroutable @11;               # mandatory and no queue
  invalidAddress @12;           # routing key or pattern over 255 bytes, unknown exchange
  denied @13;
  limit @14;
  unknownProducer @15;          # forgotten: a resend cannot be told from a new event
  incompatible @16;
  queueFull @17;
}

struct Pong {
  head @0 :UInt64;
  recordedtime @1 :Int64;
}

# --- publishing

struct Publish {
  firstSequence @0 :UInt64;     # the i-th event has firstSequence + i; a stored sequence is confirmed again, not stored again
  level @1 :Level;
  events @2 :List(Data);        # envelopes
  atomic @3 :Bool;              # all or none
}

struct Fleeting {
  # Events that are not stored, confirmed or repaired. Their sequences are 0.
  source @0 :Text;              # the service, for people
  events @1 :List(Data);        # envelopes
}

struct Confirms {
  runs @0 :List(Run);
  struct Run {
    # Consecutive events with one fate; offsets are dense within a run.
    firstSequence @0 :UInt64;
    count @1 :UInt32;
    firstOffset @2 :UInt64;     # 0 where nothing was stored
    level @3 :Level;
    queues @4 :UInt32;          # how many queues each reached
    unroutable @5 :Bool;        # went to the alternate exchange or to parking
    duplicate @6 :Bool;         # was stored before; firstOffset is 0 where the hub no longer knows it
    refused @7 :Bool;
    code @8 :RefusalCode;
    message @9 :Text;
  }
}

# --- subscriptions

struct Subscribe {
  subscription @0 :UInt64;      # chosen by the client, unique in its session
  exchange @1 :Text;            # empty is every exchange
  patterns @2 :List(Text);      # topic patterns over routing keys; an event that matches several comes once
  start :union {
    now @3 :Void;
    offset @4 :UInt64;          # the first wanted
    time @5 :Int64;             # the first recorded at or after it
    first @6 :Void;
    cursor @7 :Text;            # a named durable cursor: where it was saved
  }
  logId @8 :UInt64;             # which log and generation an offset was read in; 0 where that is not known. What was
  generation @9 :UInt32;        # read in another log, or after the backup that this one was restored from, is refused.
}

struct Subscribed {
  # The subscription is ready. Everything that matches up to `head` comes by replay, what is later by the feed.
  subscription @0 :UInt64;
  feed @1 :Data;                # 16 bytes; empty: no feed, told by Advanced and fetched by Replay
  epoch @2 :UInt64;             # new at each start of the hub; sequences of another epoch say nothing
  sequence @3 :UInt64;          # of the feed's last batch so far
  head @4 :UInt64;
  start @5 :UInt64;             # the resolved first offset; head + 1 for now
}

struct FeedBatch {
  # An empty one is a heartbeat: same sequence, newest coverage. `after` and `upTo` say what it covers, so that a
  # reader at position P with after <= P moves to upTo, and one with after > P replays (P, after] first.
  epoch @0 :UInt64;
  sequence @1 :UInt64;          # dense per feed, from 1
  after @2 :UInt64;             # the log's head at this feed's previous batch or heartbeat
  upTo @3 :UInt64;              # the log's head now
  events @4 :List(Envelope.Recorded);
  recordedtime @5 :Int64;       # the hub's clock
  fleeting @6 :List(Envelope.Recorded); # at most once: no offset, not covered, never repaired
  fleetingBefore @7 :UInt64;    # how many of them this feed has carried before: a reader counts what it lost
}

struct Replay {
  subscription @0 :UInt64;
  after @1 :UInt64;
  upTo @2 :UInt64;              # 0 is the head
  bytesMax @3 :UInt32;          # of one answer; at least one event comes where there is one
}

struct Replayed {
  subscription @0 :UInt64;
  after @1 :UInt64;
  upTo @2 :UInt64;              # covered so far; ask again from here
  head @3 :UInt64;
  events @4 :List(Envelope.Recorded);
  lostFrom @5 :UInt64;          # what the log no longer has, both 0 for nothing
  lostTo @6 :UInt64;
  lostReason @7 :Text;
}

struct Advanced {
  subscription @0 :UInt64;
  head @1 :UInt64;
}

struct Dropped {
  subscription @0 :UInt64;
  from @1 :UInt64;
  to @2 :UInt64;
  count @3 :UInt64;
  reason @4 :Text;              # dropOldest, dropNewest, disconnect
  keys @5 :List(Text);          # partition keys of some, at most 16
}

# --- queues

struct Consume {
  consumer @0 :UInt64;          # chosen by the client, unique in its session
  queue @1 :Text;
  prefetch @2 :UInt32;          # unacknowledged deliveries at most, 0 is 1
}

struct Cancel {
  consumer @0 :UInt64;
  reason @1 :Text;
}

struct Deliveries {
  consumer @0 :UInt64;
  messages @1 :List(Delivery);
  struct Delivery {
    number @0 :UInt64;          # fencing number: settles exactly this delivery
    attempts @1 :UInt32;        # earlier deliveries that came back
    redelivered @2 :Bool;       # may have been seen before
    recorded @3 :Envelope.Recorded;
  }
}

struct Settle {
  consumer @0 :UInt64;
  outcome @1 :Outcome;
  numbers @2 :List(UInt64);
  upTo @3 :UInt64;              # and every delivery of this consumer up to this number, 0 for none
  delayMillis @4 :UInt32;       # for giveBack: how long the key waits
  reason @5 :Text;
}

enum Outcome {
  acknowledge @0;
  giveBack @1;                  # not my fault: comes again, attempts do not grow
  fail @2;                      # tried and failed: attempts grow, back-off, parked at the limit
  reject @3;                    # never again: parked or dead-lettered
  renew @4;                     # still working
}

# --- the model and questions about it

struct Request {
  id @0 :UInt64;
  union {
    declareExchange @1 :ExchangeSpec;
    deleteExchange @2 :Text;
    declareQueue @3 :QueueSpec;
    deleteQueue @4 :Text;
    bind @5 :BindingSpec;
    unbind @6 :BindingSpec;
    inspect @7 :Inspect;
    saveCursor @8 :Cursor;
    redrive @9 :Redrive;
    schemas @10 :List(Data);    # Cap'n Proto nodes (schema.capnp Node) of the types that this client speaks
    deleteCursor @11 :Text;
    backup @12 :Void;           # answered with a BackupPlan in `data`; the log keeps it all until the session ends
    readBackup @13 :ReadBackup; # answered with bytes
    endBackup @14 :UInt64;      # the log may go on dropping
    erase @15 :Text;            # a process instance; answered when it is sure to be done, see inspect `erasures`
  }
}

struct Reply {
  id @0 :UInt64;
  refused @1 :Bool;
  code @2 :RefusalCode;
  message @3 :Text;
  json @4 :Text;                # what an inspect asked for
  data @5 :Data;                # of backup and readBackup; empty is the end of a file
}

struct ExchangeSpec {
  name @0 :Text;
  type @1 :Text;                # direct, fanout, topic, headers
  durable @2 :Bool = true;
  autoDelete @3 :Bool;
  alternate @4 :Text;           # where events that reach nothing go
  passive @5 :Bool;             # only ask whether it is there
}

struct QueueSpec {
  name @0 :Text;
  durable @1 :Bool = true;
  exclusive @2 :Bool;
  autoDelete @3 :Bool;
  passive @4 :Bool;
  keyed @5 :Bool = true;        # at most one unacknowledged message a key
  singleActive @6 :Bool;
  deliveryLimit @7 :UInt32;     # failed attempts before parking, 0 is the hub's default
  messagesMax @8 :UInt64;       # 0 is no limit
  bytesMax @9 :UInt64;
  overflow @10 :Text;           # refuse (default), park
  messageTtlMillis @11 :UInt64; # 0 is never
  queueTtlMillis @12 :UInt64;
  backoffMillis @13 :UInt32;    # first retry delay, doubled up to backoffMaxMillis; 0 is the hub's default
  backoffMaxMillis @14 :UInt32;
  onPark @15 :Text;             # hold (default), release
  deadLetterExchange @16 :Text;
  deadLetterKey @17 :Text;
  redeliveryTimeoutMillis @18 :UInt64; # an unacknowledged delivery not renewed for so long goes back; 0 is never
}

struct BindingSpec {
  exchange @0 :Text;            # the source
  queue @1 :Text;               # the destination: a queue ...
  toExchange @2 :Text;          # ... or an exchange
  pattern @3 :Text;             # routing key, topic pattern, or empty
  arguments @4 :List(Envelope.Header); # headers exchanges
}

struct Inspect {
  what @0 :Text;                # queues, exchanges, schemas, explain, status
  argument @1 :Text;            # JSON, or empty
}

struct Cursor {
  name @0 :Text;
  offset @1 :UInt64;            # the last one dealt with
  observer @2 :Bool;            # never holds the log: what retention took before it was read is told
}

struct BackupPlan {
  backup @0 :UInt64;
  head @1 :UInt64;              # the newest event in the copy
  logId @2 :UInt64;
  generation @3 :UInt32;        # of the copy
  files @4 :List(File);
  struct File {
    name @0 :Text;              # within the directory
    bytes @1 :UInt64;
  }
}

struct ReadBackup {
  backup @0 :UInt64;
  file @1 :UInt32;              # place in the list
  at @2 :UInt64;
  bytesMax @3 :UInt32;
}

struct Redrive {
  queue @0 :Text;
  dryRun @1 :Bool;
  limit @2 :UInt32;             # 0 is all
}
