# What the hub writes into its log beside events: the notes, and the state that a checkpoint keeps.
#
# An event's record is no Cap'n Proto message: a header of fixed layout (docs/log-format.md) and the envelope as it came.
# The journal stamps offset and recordedtime of each record. Release N reads the notes of N-1: fields are added, never changed.
@0x9f0c6be2d3a87411;

using Cxx = import "/capnp/c++.capnp";
using Protocol = import "protocol.capnp";
$Cxx.namespace("laban::schema");

struct Note {
  union {
    started @0 :UInt64;                          # a start of the hub: which one, from 1; what is not durable ended here
    exchangeDeclared @1 :Protocol.ExchangeSpec;
    exchangeDeleted @2 :Text;
    queueDeclared @3 :Protocol.QueueSpec;        # queues are numbered from 1 in the order of their declarations
    queueDeleted @4 :Text;
    bound @5 :Protocol.BindingSpec;
    unbound @6 :Protocol.BindingSpec;
    producerOpened @7 :Producer;
    producerForgotten @8 :UInt32;
    sequencesRefused @9 :SequencesRefused;       # told to the producer as refused: never stored later
    cursorSaved @10 :Protocol.Cursor;
    schemas @11 :List(Data);                     # Cap'n Proto nodes (schema.capnp Node)
    cursorDeleted @12 :Text;
    retained @13 :Retained;
    erasureBegun @14 :Erasure;
    erasureEnded @15 :Text;                      # of this process instance
  }
}

struct Erasure {
  # Of this process instance the events up to this one are to be unreadable.
  instance @0 :Text;
  upTo @1 :UInt64;
}

struct Retained {
  # The oldest segment goes: these events, less those that were carried forward. All 0: a checkpoint is to follow.
  first @0 :UInt64;
  last @1 :UInt64;
  carried @2 :UInt64;
}

struct Producer {
  number @0 :UInt32;                             # from 1, never used again in this log
  name @1 :Text;
  named @2 :Bool;
  # In a checkpoint only:
  stored @3 :UInt64;                             # the highest stored sequence
  heard @4 :Int64;                               # recordedtime of its last event
  refused @5 :List(SequencesRefused);
}

struct SequencesRefused {
  producer @0 :UInt32;
  first @1 :UInt64;
  count @2 :UInt32;
  code @3 :Protocol.RefusalCode;
}

struct State {
  # The hub's fold at a position of the log. The queues' own bytes follow it, one behind the other.
  starts @0 :UInt64;
  exchanges @1 :List(Protocol.ExchangeSpec);
  queues @2 :List(Queue);
  bindings @3 :List(Protocol.BindingSpec);
  nextQueue @4 :UInt32;
  producers @5 :List(Producer);
  nextProducer @6 :UInt32;
  cursors @7 :List(Protocol.Cursor);
  schemas @8 :List(Data);
  totals @9 :List(Total);
  erasures @10 :List(Erasure);                   # begun and not ended

  struct Queue {
    number @0 :UInt32;
    spec @1 :Protocol.QueueSpec;
    bytes @2 :UInt64;                            # of its state behind this struct
  }

  struct Total {
    # A counter that survives a restart.
    name @0 :Text;
    labels @1 :List(Text);
    value @2 :UInt64;
  }
}
