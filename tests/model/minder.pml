/* minder's promotion of a group of nodes, as a model for the checker SPIN (run by check.py, which holds the table of variants).
 *
 * What is in it: N nodes (each a mariadbd and its agent) and one arbitrator. The environment cuts and heals the network, kills and
 * starts mariadbd, stops one in the middle of a graceful leave, restarts agents and the arbitrator, up to MAXF such faults.
 * Everything else happens in any order and at any time, or never, so that slowness needs no clock:
 *   - a report is a picture of its node at one moment; the arbitrator may act on it however much later;
 *   - an order once sent stays in the network for good: it is delivered late, twice, out of order, or never;
 *   - each step of the arbitrator is one durable write or one act, and it may crash between any two of them.
 * Where a rule waits for a time bound (a nonce, a lease, the fence guard), the model lets the bound pass at any moment and lets the
 * arbitrator conclude "it has passed" only after it has. That is exactly what the bound promises, whatever its length.
 *
 * What is checked: TWO primary components that can both commit never exist (see live()). With -DLOSS also: no primary component
 * is formed by nodes of which none has what the last one committed (writes that clients were told are safe). With -DCOUNTED also: nobody
 * is taken in whom a promotion left behind, who may hold more than the promoted have, and whose data was compared neither before it
 * (E1: he was seen) nor since (each order to start him says how far it may be). So that option has what keeps them away: with E4 the list
 * of evicted members, and leases to start with, which are those of E4 without guards.
 *
 * Options: N, W0..W3 (pc.weight), MAXF faults, MAXE epochs; E1 E2 E3 E4 = kinds of evidence in use; CRASH KILL (KILL_LATE: once there was an order) LEAVE
 * PARTIAL AGENT = kinds of faults besides cuts (an agent and the arbitrator that do not hear each other for a lease_ttl are one, too); LATE_LEASES,
 * TWO_SITES SILENT = see where they are used; STRAIGHT and FREEZE_GROUP = rules that go beyond design.md (see where they are used). Every other
 * name takes one rule away (check.py, UNSOUND). REACH=e turns the promotion of epoch e, over others, into an error, so that SPIN shows the way
 * to it, REACH_LEASES_AGAIN does so for a lease that is given again after it, REACH_GIVEN_BACK for one that was revoked by an order
 * that was never carried out, and REACH_BACK for all being together again after somebody was left behind. Without -DCRASH a crash of the
 * arbitrator needs no step of its own: what is durable stays, reports come anew, and an arbitrator that does nothing for a while is in
 * the model anyway.
 *
 * Read a trail with: spin -t -B -D... minder.pml (every step says what it does).
 */
#ifndef N
#define N 2
#endif
#ifndef W0
#define W0 1
#endif
#ifndef W1
#define W1 1
#endif
#ifndef W2
#define W2 1
#endif
#ifndef W3
#define W3 1
#endif
#ifndef MAXF
#define MAXF 4 /* faults */
#endif
#ifndef MAXE
#define MAXE 2 /* epochs */
#endif
#if defined(E2) || defined(E4) || (defined(COUNTED) && MAXE > 1)
#define MERGES /* what a full merge resets is in use, or leases are given again by the view that is reported */
#endif
#if defined(E2) || defined(COUNTED)
#define LEASES /* without one no mariadbd is started with its old view */
#endif
#if defined(COUNTED) && defined(E3) && !defined(DEAD_AND_SILENT)
#define WISHES /* a lease to start with answers only who wants to start; without E3 nobody concludes from that, so all who are stopped get one */
#endif
#define V 16 /* more views than MAXF and MAXE can give; form() asserts it */

/* Sets of nodes are bit masks. */
#define BIT(i) (1 << (i))
#define IN(i, m) (((m) >> (i)) & 1)
#define ALL (BIT(N) - 1)
#define WEIGHT(m) (IN(0, m) * W0 + IN(1, m) * W1 + IN(2, m) * W2 + IN(3, m) * W3)
#if N == 2
#define WHERE(cond) (cond(0) | (cond(1) << 1))
#elif N == 3
#define WHERE(cond) (cond(0) | (cond(1) << 1) | (cond(2) << 2))
#else
#define WHERE(cond) (cond(0) | (cond(1) << 1) | (cond(2) << 2) | (cond(3) << 3))
#endif

/* ---- Galera ---------------------------------------------------------------------------------------------------------------- */
byte net[N];      /* whom the node can talk to, itself included */
byte on = ALL;    /* mariadbd runs */
byte pc[N];       /* view of the primary component it is in, 0 = non-Primary */
byte last[N];     /* last primary view on its disk (gvwstate.dat), 0 = the file is gone */
byte mem[V];      /* members of each primary view; a higher number is a later view */
byte nextv = 2;   /* view 1 = all nodes, where everything begins */
byte held;        /* its agent saw the exit and holds it down: started again only without gvwstate.dat */
byte same = ALL;  /* the process that was in view last[] still runs, and no leave was begun in it */
byte faults;
#ifdef REACH_BACK
byte reached;     /* epochs whose promotion left somebody behind who may have had more data */
#endif
#ifdef COUNTED
byte out;         /* processes whose uuids are on a list of evicted members */
byte keeps;       /* processes that have that list: as long as they live */
byte beyond;      /* nodes that may hold a write set which those who were promoted without them do not have */
#endif
#ifdef LOSS
byte data[N];     /* last primary view whose writes the node holds */
byte top = 1;     /* last primary view that could commit */
#endif
/* ---- agent ----------------------------------------------------------------------------------------------------------------- */
byte maxe[N];     /* highest epoch seen (durable) */
#ifdef E2
byte lease = ALL; /* a lease is held, or was sent and may come while it is good: mariadbd may be started with its old view */
byte due = ALL;   /* the deadline until which mariadbd may live is still ahead */
byte armed = ALL; /* a guard is on the process that runs, and kills it at the deadline */
byte together[N]; /* all whom it saw in a primary view since a lease confirmed one, 0 = none did since the agent was started */
byte fview[N];    /* its last primary view when it gave its promise, 0 = none */
#endif
#ifdef COUNTED
byte start;       /* a lease to start with is here, or on its way: it answers a report of a stopped mariadbd, which nothing took back */
#endif
#ifdef GUARD_AFTER_START
byte starting;    /* a start with the old view is under way */
#endif
/* ---- network: the orders that were sent, by epoch ------------------------------------------------------------------------- */
byte target[MAXE + 1]; /* node that make_primary(epoch) goes to */
byte rest[MAXE + 1];   /* O of that epoch: whom freeze(epoch) goes to */
byte sent;             /* epochs whose make_primary was sent */
byte valid;            /* epochs whose nonce the target would still take: not too old, same view, process and last primary view */
/* ---- arbitrator, durable --------------------------------------------------------------------------------------------------- */
#define IDLE 0
#define INTENT 1
#define GRANTED 2
byte phase;
byte epoch;
byte group;       /* G of this epoch */
byte P = 1;       /* last confirmed primary view */
byte granted;     /* a grant was made since the last full merge */
byte revoked;     /* leases that stay revoked because of grants */
byte newly;       /* of those, the ones that this grant revoked: an earlier one may have left somebody behind as well */
#ifdef LEASES
byte lastg;       /* group of the last grant, ordered or not */
byte gview = 1;   /* P when it was begun */
#endif
#ifdef COUNTED
byte behind;      /* of the others of the last grant, those whose data nobody has compared with that of the group */
byte counted;     /* who is counted out, until he is seen to be stopped */
#endif
/* ---- arbitrator, in memory: the last report of each node ------------------------------------------------------------------ */
byte rok;         /* there is one */
byte rpc[N];      /* primary view it was in, 0 = non-Primary */
byte rlast[N];    /* last primary view it named, 0 = none */
byte rfrozen;     /* it shows the promise of this epoch */
byte rdead;       /* exit seen, and held down */
byte ron;         /* process runs */
byte rsame;
byte rcomp[N];    /* members of its non-Primary component */
byte rnonce;      /* its nonce is still good */
byte rafter;      /* made after the order of this epoch could last be carried out */
byte rnever;      /* of those, by the target of this epoch, which had not begun to carry it out: its highest epoch is lower */
byte rarmed;      /* guard armed, by the last report that spoke of it */
#ifdef WISHES
byte rwants;      /* it wants to start mariadbd with its old view */
#endif

#ifdef STRAIGHT
byte left[N];     /* members of the component in which it turned non-Primary */
byte rleft[N];    /* by its last report */
#endif
#ifdef LATE_BOOTSTRAP
byte stuck;       /* servers that still have a bootstrap statement to carry out */
#endif
hidden byte m, v, i, j, u; /* scratch, never kept from one step to the next */

#define NONPRIMARY(x) (pc[x] == 0)
#define HAS_VIEW(x) (last[x] != 0)
#if N == 2
#define MATES(x) ((pc[0] == pc[x]) | ((pc[1] == pc[x]) << 1))
#elif N == 3
#define MATES(x) ((pc[0] == pc[x]) | ((pc[1] == pc[x]) << 1) | ((pc[2] == pc[x]) << 2))
#else
#define MATES(x) ((pc[0] == pc[x]) | ((pc[1] == pc[x]) << 1) | ((pc[2] == pc[x]) << 2) | ((pc[3] == pc[x]) << 3))
#endif
/* Running nodes that node x can talk to, and those of them that are in no primary component. */
#define LINKED(x) (net[x] & on)
#ifdef COUNTED
/* Where one has the list, all the others get it from him and refuse who is on it. (That one even ends up Disconnected.) */
#define CELL(x) ((LINKED(x) & keeps) == 0 -> LINKED(x) : (LINKED(x) & (IN(x, out) -> out : ~out)))
#else
#define CELL(x) LINKED(x)
#endif
#define COMPONENT(x) (CELL(x) & WHERE(NONPRIMARY))
/* Node x is in a primary component that can commit: all of its members are in it, run and hear each other. */
#define LIVE(x) (pc[x] != 0 && (mem[pc[x]] & ~(CELL(x) & MATES(x))) == 0)

#ifdef E4
#define MARK_SAME(x) same = same | BIT(x)
#define UNMARK_SAME(x) same = same & ~BIT(x)
#else
#define MARK_SAME(x) skip
#define UNMARK_SAME(x) skip
#endif

inline two_primaries() {
  assert(!(LIVE(0) && LIVE(1) && pc[0] != pc[1]));
#if N > 2
  assert(!(LIVE(0) && LIVE(2) && pc[0] != pc[2]));
  assert(!(LIVE(1) && LIVE(2) && pc[1] != pc[2]));
#endif
#if N > 3
  assert(!(LIVE(0) && LIVE(3) && pc[0] != pc[3]));
  assert(!(LIVE(1) && LIVE(3) && pc[1] != pc[3]));
  assert(!(LIVE(2) && LIVE(3) && pc[2] != pc[3]));
#endif
}

#ifdef STRAIGHT
#define LEFT_WITH(x, who) left[x] = who
#else
#define LEFT_WITH(x, who) skip
#endif
/* View, process or last primary view of node x changed: what quotes an older report of it is refused from now on. */
inline touch(x) {
  rnonce = rnonce & ~BIT(x);
#ifndef NOT_BOUND_TO_VIEW
  u = 1;
  do
  :: u <= MAXE -> if :: target[u] == x -> valid = valid & ~BIT(u) :: else fi; u++
  :: else -> break
  od;
#endif
  skip
}

/* Numbers of views that nobody names any more are given up, so that equal situations look equal. The order is kept. */
#define NAMED(w) (P == w || USES(0, w) || USES(1, w) || (N > 2 && USES(2 % N, w)) || (N > 3 && USES(3 % N, w)) || COMMITTED(w) || \
                  DECIDED_ON(w))
#define USES(x, w) (pc[x] == w || last[x] == w || rpc[x] == w || rlast[x] == w || HOLDS(x, w))
#ifdef LOSS
#define COMMITTED(w) (top == w)
#define DATA(x, w) (data[x] == w)
#else
#define COMMITTED(w) 0
#define DATA(x, w) 0
#endif
#ifdef LEASES
#define DECIDED_ON(w) (gview == w)
#else
#define DECIDED_ON(w) 0
#endif
#ifdef E2
#define HOLDS(x, w) (DATA(x, w) || fview[x] == w)
#else
#define HOLDS(x, w) DATA(x, w)
#endif
#define DOWN(what) if :: what > v -> what-- :: else fi
inline compact() {
  v = 1;
  do
  :: v < nextv && NAMED(v) -> v++
  :: v < nextv && !NAMED(v) ->
       i = 0;
       do
       :: i < N -> DOWN(pc[i]); DOWN(last[i]); DOWN(rlast[i]);
#ifdef MERGES
            DOWN(rpc[i]);
#endif
#ifdef LOSS
            DOWN(data[i]);
#endif
#ifdef E2
            DOWN(fview[i]);
#endif
            i++
       :: else -> break
       od;
#ifdef LEASES
       DOWN(gview);
#endif
       DOWN(P);
#ifdef LOSS
       DOWN(top);
#endif
       i = v;
       do
       :: i + 1 < V -> mem[i] = mem[i + 1]; i++
       :: else -> break
       od;
       mem[V - 1] = 0;
       nextv--
  :: v >= nextv -> break
  od;
  skip
}

/* A primary view of members `all` is installed by the nodes `who` (all of them, but for -DPARTIAL). */
inline form(all, who) {
  assert(nextv < V);
#ifdef LOSS
  i = 0; u = 0;
  do
  :: i < N -> if :: IN(i, all) && data[i] == top -> u = 1 :: else fi; i++
  :: else -> break
  od;
  assert(u); /* nobody here has what the last primary component committed */
  if :: all == who -> top = nextv :: else fi;
#endif
#ifdef COUNTED
  assert((all & beyond) == 0 || (all & ~beyond) == 0); /* Galera compares with where the group is now, and makes them silently different */
  if :: (all & keeps) != 0 -> keeps = keeps | all :: else fi;
#endif
#ifdef REACH_BACK
  if :: all == ALL && epoch > 0 && phase == IDLE && counted == 0 && IN(epoch, reached) -> assert(1 < REACH_BACK) :: else fi;
#endif
  mem[nextv] = all;
  i = 0;
  do
  :: i < N ->
       if
       :: IN(i, who) -> pc[i] = nextv; last[i] = nextv; MARK_SAME(i); touch(i);
#ifdef LOSS
            data[i] = nextv
#endif
       :: else
       fi; i++
  :: else -> break
  od;
  nextv++;
  two_primaries();
  compact()
}

inline turn_nonprimary(who) {
  j = 0;
  do
  :: j < N -> if :: IN(j, who) -> pc[j] = 0; LEFT_WITH(j, who); touch(j) :: else fi; j++
  :: else -> break
  od;
  skip
}

#ifdef E2
#define UNGUARDED(x) armed = armed & ~BIT(x); due = due & (lease | ~BIT(x)) /* what was seen of the dead plays no part any more */
#else
#define UNGUARDED(x) skip
#endif
#ifdef COUNTED
/* Measured: who is counted out and started again with its old view is not refused. */
#define UNLISTED(x) out = out & ~BIT(x); keeps = keeps & ~BIT(x)
#else
#define UNLISTED(x) skip
#endif
inline process_ends(x, hold) {
  on = on & ~BIT(x); pc[x] = 0; UNMARK_SAME(x); UNGUARDED(x); UNLISTED(x);
  if :: hold -> held = held | BIT(x) :: else -> held = held & ~BIT(x) fi;
  touch(x)
}

/* The members of view `view` that are left in set `rem` decide whether they go on; `gone` left gracefully and counts with them. */
inline count_weights(view, rem, gone) {
  if
  :: rem == 0
  :: rem != 0 && 2 * WEIGHT(rem) + WEIGHT(gone) > WEIGHT(mem[view]) -> form(rem, rem)
  :: rem != 0 && 2 * WEIGHT(rem) + WEIGHT(gone) <= WEIGHT(mem[view]) -> turn_nonprimary(rem)
  fi;
  skip
}

/* Node x loses everybody. */
inline cut(x) {
  j = 0;
  do
  :: j < N -> net[j] = net[j] & ~BIT(x); j++
  :: else -> break
  od;
  net[x] = BIT(x)
}

/* ---- the node and its agent ------------------------------------------------------------------------------------------------ */

/* What the agent sees of its node, also while Galera has not noticed a cut yet, lets mariadbd live as a lease does: a primary view
 * that has lost nobody, or that it is still in no other than when it promised. It looks now and then, and so misses views; but
 * whoever is named by the last primary view that it reports belongs to them, also while it is non-Primary: the arbitrator goes by it. */
#ifdef TOGETHER_NEVER_GROWS
#define LOOK_AROUND(x) skip
#elif defined(GROWS_WHILE_PRIMARY)
#define LOOK_AROUND(x) if :: pc[x] != 0 && together[x] != 0 -> together[x] = together[x] | mem[pc[x]] :: else fi
#elif defined(E2)
#define LOOK_AROUND(x) if :: last[x] != 0 && together[x] != 0 -> together[x] = together[x] | mem[last[x]] :: else fi
#else
#define LOOK_AROUND(x) skip
#endif
#ifdef FROZEN_IN_ANY_VIEW
#define HARMLESS(x) (IN(x, on) && pc[x] == 0 && fview[x] != 0)
#else
#define HARMLESS(x) (IN(x, on) && pc[x] == 0 && fview[x] != 0 && fview[x] == last[x])
#endif
#define SEES_ALL(x) (pc[x] != 0 && together[x] != 0 && (together[x] & ~mem[pc[x]]) == 0)
#ifdef LATE_LEASES /* the guard may act before a lease that was sent is here */
#define LEASE_IS_HERE(x) IN(x, lease & ~REVOKED)
#else
#define LEASE_IS_HERE(x) IN(x, lease)
#endif
#define LIVES_ON(x) (LEASE_IS_HERE(x) || SEES_ALL(x) || HARMLESS(x))

inline report(x) {
  LOOK_AROUND(x);
  rok = rok | BIT(x); rlast[x] = last[x];
#ifdef MERGES
  rpc[x] = pc[x];
#else
  rpc[x] = (pc[x] != 0);
#endif
  ron = (ron & ~BIT(x)) | (on & BIT(x));
#ifdef DEAD_PER_HOST
  rdead = rdead | (held & BIT(x));
#else
  rdead = (rdead & ~BIT(x)) | (held & BIT(x));
#endif
#ifdef E4
  rsame = (rsame & ~BIT(x)) | (same & BIT(x));
#endif
#ifdef STRAIGHT
  rleft[x] = left[x];
#endif
#ifdef E2
  rarmed = (rarmed & ~BIT(x)) | (armed & BIT(x));
#endif
  if :: IN(x, on) && pc[x] == 0 -> rcomp[x] = COMPONENT(x) :: else -> rcomp[x] = 0 fi;
  if :: phase != IDLE && maxe[x] >= epoch -> rfrozen = rfrozen | BIT(x) :: else -> rfrozen = rfrozen & ~BIT(x) fi;
  rnonce = rnonce | BIT(x);
  if
  :: phase == GRANTED && x == target[epoch] && !IN(epoch, valid) ->
       rafter = rafter | BIT(x);
       if :: maxe[x] < epoch -> rnever = BIT(x) :: else -> rnever = 0 fi
  :: else
  fi
}

/* Each report says whether the agent wants to start its stopped mariadbd with the old view (start_wanted). Only one that says so is
 * answered with a lease to start with, and one that does not ends that lease, also while it is still on its way: it answers an older
 * report. (That the newest report says so when mariadbd is started is no step of its own: the agent may say it just before, unheard.) */
#ifdef WISHES
#define WISH(x) rwants = rwants | BIT(x)
#ifdef LEASE_OUTLIVES_WISH
#define NO_WISH(x) rwants = rwants & ~BIT(x)
#else
#define NO_WISH(x) rwants = rwants & ~BIT(x); start = start & ~BIT(x)
#endif
#define WISHED(x) (!REPORTS_MATTER || IN(x, rwants))
#define FORGET_WISH(x) rwants = rwants & ~BIT(x)
#else
#define NO_WISH(x) skip
#define WISHED(x) 1
#define FORGET_WISH(x) skip
#endif

#ifdef DEAD_AND_UNHEARD /* the proof of a death is durable, what was reported since is not */
#define FORGET_VIEW(x) if :: !IN(x, rdead) -> rlast[x] = 0 :: else fi
#else
#define FORGET_VIEW(x) rlast[x] = 0
#endif
/* The arbitrator has no fresh report of node x any more. */
inline forget(x) {
  FORGET_WISH(x); FORGET_VIEW(x);
  rok = rok & ~BIT(x); rpc[x] = 0; rcomp[x] = 0;
  ron = ron & ~BIT(x); rsame = rsame & ~BIT(x); rnonce = rnonce & ~BIT(x); rafter = rafter & ~BIT(x); rnever = rnever & ~BIT(x); rfrozen = rfrozen & ~BIT(x)
#if !defined(DEAD_PER_HOST) && !defined(DEAD_AND_UNHEARD)
  ; rdead = rdead & ~BIT(x)
#endif
}
#define REPORTS_MATTER (phase != IDLE || epoch < MAXE) /* no more promotion can come: do not explore what is reported */
#ifdef SILENT /* from when its promise is asked for */
#define HEARD(x) (phase != INTENT || !IN(x, rest[epoch]))
#else
#define HEARD(x) 1
#endif

#ifdef NO_NONCE
#define NONCE_GOOD(e) 1
#else
#define NONCE_GOOD(e) IN(e, valid)
#endif
#ifdef NO_EPOCH
#define EPOCH_NEW(x, e) 1
#else
#define EPOCH_NEW(x, e) (maxe[x] < e)
#endif

#ifdef FREEZE_GROUP
#define FROZEN_BY(e) (e <= epoch && target[e] != me)
#define GROUP_FROZEN ((group & ~BIT(TARGET) & ~rfrozen) == 0)
#else
#define FROZEN_BY(e) IN(me, rest[e])
#define GROUP_FROZEN 1
#endif
/* A promise is good for the last primary view that the arbitrator decided on: it asks nobody whose report names another one, and
 * the agent sees whether it still is as it was in that report. It ends the lease, and an order ends it. */
#ifdef PROMISED_IN_OWN_VIEW
#define AS_QUOTED(x, e) 1
#else
#define AS_QUOTED(x, e) (e == epoch && last[x] == gview)
#endif
#ifdef E2
#define PROMISED(x, e)                                                                \
  if                                                                                  \
  :: IN(x, on) && pc[x] == 0 && AS_QUOTED(x, e) -> fview[x] = last[x]                 \
  :: else -> fview[x] = 0                                                             \
  fi;                                                                                 \
  if :: pc[x] == 0 -> lease = lease & ~BIT(x) :: else fi
#define ORDERED(x) fview[x] = 0
#else
#ifdef COUNTED
#define PROMISED(x, e) if :: pc[x] == 0 -> start = start & ~BIT(x) :: else fi
#else
#define PROMISED(x, e) skip
#endif
#define ORDERED(x) skip
#endif
/* freeze(e): durably refuse every order up to epoch e, and give up the lease. */
#define FREEZE(e)                                                                     \
  d_step { FROZEN_BY(e) && maxe[me] < e ->                                         \
    maxe[me] = e; PROMISED(me, e);                                                    \
    printf("agent %d: freeze %d\n", me, e) }

/* make_primary(e): refused with an old nonce or an old epoch; the epoch is durable before the bootstrap. */
#define MAKE_PRIMARY(e)                                                               \
  d_step { IN(e, sent) && target[e] == me && IN(me, on) && pc[me] == 0 && NONCE_GOOD(e) && EPOCH_NEW(me, e) -> \
    if :: maxe[me] < e -> maxe[me] = e :: else fi;                                    \
    ORDERED(me);                                                                      \
    printf("agent %d: accepts make_primary %d in component %d\n", me, e, COMPONENT(me)); \
    BOOTSTRAP(e) }
#ifdef LATE_BOOTSTRAP
/* The statement waits in a server that is stopped or wedged, and is carried out when it goes on. */
#define BOOTSTRAP(e) stuck = stuck | BIT(me)
#else
#define BOOTSTRAP(e) goal(e); COUNT_OUT(me); m = COMPONENT(me); LEFT_BEHIND; form(m, m)
#endif
#ifdef COUNTED
/* Those who are silent, and count by their votes, get on the list before pc.bootstrap. */
#ifdef NOT_COUNTED_OUT
#define COUNT_OUT(x) skip
#else
#define COUNT_OUT(x) if :: counted != 0 -> out = out | (counted & same); keeps = (keeps | COMPONENT(x)) & ~out :: else fi
#endif
#ifdef REACH_BACK
#define MARK_REACHED if :: (behind & ~m) != 0 -> reached = reached | BIT(epoch) :: else fi
#else
#define MARK_REACHED skip
#endif
#define LEFT_BEHIND beyond = (beyond | behind) & ~m; MARK_REACHED
#else
#define COUNT_OUT(x) skip
#define LEFT_BEHIND skip
#endif

#define NONCE_AGES(e) d_step { IN(e, valid) && target[e] == me -> valid = valid & ~BIT(e) }

inline goal(e) {
#ifdef REACH
  if :: rest[e] != 0 -> assert(e < REACH) :: else fi /* expected to fail: this is what must be reachable; over nobody it needs no evidence */
#else
  skip
#endif
}

#define LATER(a, b) ((a) > (b) -> (a) : (b))
#if N == 2
#define LATEST(set) LATER(IN(0, set) * last[0], IN(1, set) * last[1])
#elif N == 3
#define LATEST(set) LATER(LATER(IN(0, set) * last[0], IN(1, set) * last[1]), IN(2, set) * last[2])
#else
#define LATEST(set) LATER(LATER(IN(0, set) * last[0], IN(1, set) * last[1]), LATER(IN(2, set) * last[2], IN(3, set) * last[3]))
#endif

/* When may mariadbd be started? With its gvwstate.dat, from which it may turn Primary all by itself, where there are guards: only
 * while a lease is held, and with a guard on it from the first. Without it, when the arbitrator orders so, which has seen it stopped
 * (so that E2 is out of the question): it then lives without a guard until there is a deadline that is ahead. */
#ifdef E2
#ifdef FENCED_STARTS_WITH_VIEW
#define MAY_START_WITH_VIEW(x) 1
#else
#define MAY_START_WITH_VIEW(x) IN(x, lease)
#endif
#define MAY_START_WITHOUT_VIEW(x) (!REPORTS_MATTER || (IN(x, rok) && !IN(x, ron)))
#define GUARDED(x) due = due | (lease & BIT(x)); armed = armed | (due & BIT(x))
#define RUNS(x) skip
#elif defined(COUNTED)
#define HELD_DOWN 0 /* who died waits for a lease, and is started then */
#ifdef NO_START_LEASE
#define MAY_START_WITH_VIEW(x) 1
#else
#define MAY_START_WITH_VIEW(x) IN(x, start)
#endif
#define RUNS(x) ron = (ron & ~BIT(x)) | (on & BIT(x))
#ifdef LIST_LOST
#define MAY_HAVE_START(x) 1
#else
#define MAY_HAVE_START(x) (counted == 0)
#endif
/* When a primary component is seen that goes on without it. Who was left behind waits until everybody who was counted out is
 * stopped, and is not started with data beyond his limit. */
#define GOES_ON_WITHOUT_ME(x) (IN(x, rok) && rpc[x] != 0 && !IN(me, mem[rpc[x]]))
#define MAY_START_WITHOUT_VIEW(x) (IN(x, rok) && !IN(x, ron) && WHERE(GOES_ON_WITHOUT_ME) != 0 && (!IN(x, revoked) || counted == 0))
#ifdef START_LEASE_KEPT /* one that comes after all, when mariadbd runs already, counts for the next start */
#define GUARDED(x) skip
#else
#define GUARDED(x) start = start & ~BIT(x)
#endif
#else
#define MAY_START_WITH_VIEW(x) 1
#define MAY_START_WITHOUT_VIEW(x) IN(x, held)
#define GUARDED(x) skip
#endif
#ifdef DEAD_STARTS_WITH_VIEW
#define NEW_VIEW_FILE(x) skip
#else
#define NEW_VIEW_FILE(x) last[x] = 0
#endif
#if defined(COUNTED) && !defined(NO_LIMIT)
#define NOT_BEYOND(x) beyond = beyond & ~(revoked & BIT(x)); behind = behind & ~(revoked & BIT(x))
#else
#define NOT_BEYOND(x) skip
#endif
#ifdef FENCE_SPARES_NONPRIMARY
#define FENCED(x) (pc[x] != 0)
#else
#define FENCED(x) 1
#endif
#define REVOKED (revoked | (phase == INTENT -> rest[epoch] : 0))

proctype node(byte me) {
  do
  /* Galera. Members of my primary component are gone: we who are left count our weight against the last view. */
  :: d_step { pc[me] != 0 && !LIVE(me) -> v = pc[me]; m = CELL(me) & MATES(me); count_weights(v, m, 0);
       printf("Galera: members are gone, set %d is left, view of node %d is now %d\n", m, me, pc[me]) }
#ifdef PARTIAL
  /* The same, but one of us is cut off just before it could install the new view, so only the others know of it. */
#define PARTIAL_INSTALL(x)                                                            \
  d_step { faults < MAXF && pc[me] != 0 && !LIVE(me) && me != x && IN(x, CELL(me) & MATES(me)) &&  \
           2 * WEIGHT(CELL(me) & MATES(me)) > WEIGHT(mem[pc[me]]) ->                  \
    faults++; m = CELL(me) & MATES(me); cut(x); pc[x] = 0; LEFT_WITH(x, BIT(x)); touch(x); form(m, m & ~BIT(x));              \
    printf("Galera: set %d forms a view, but node %d is cut off before it could install it\n", m, x) }
  :: PARTIAL_INSTALL(0)
  :: PARTIAL_INSTALL(1)
  :: PARTIAL_INSTALL(2)
#if N > 3
  :: PARTIAL_INSTALL(3)
#endif
#endif
  /* A primary component takes in the non-Primary nodes that it hears. */
  :: d_step { LIVE(me) && COMPONENT(me) != 0 -> m = mem[pc[me]] | COMPONENT(me); form(m, m);
       printf("Galera: merge, set %d is in primary view %d\n", m, pc[me]) }
  /* Nobody is Primary, but every member of the latest primary view known here is back: it re-forms by itself. */
  :: d_step { IN(me, on) && (CELL(me) & (BIT(me) - 1)) == 0 && COMPONENT(me) == CELL(me) && LATEST(CELL(me)) != 0 &&
              (mem[LATEST(CELL(me))] & ~(CELL(me) & WHERE(HAS_VIEW))) == 0 -> m = CELL(me); form(m, m);
       printf("Galera: all of the last view are back, set %d re-forms as view %d\n", m, pc[me]) }
#ifdef KILL_LATE /* once there was an order */
#define MAY_DIE (faults < MAXF && IN(me, on) && sent != 0)
#else
#define MAY_DIE (faults < MAXF && IN(me, on))
#endif
#ifdef KILL
  /* mariadbd dies. Its agent sees that, and holds it down; or it is started again with its gvwstate.dat. */
  :: d_step { MAY_DIE -> faults++; process_ends(me, 0);
       printf("fault: mariadbd of node %d dies\n", me) }
#if !defined(COUNTED) || defined(E3)
  :: d_step { MAY_DIE -> faults++; process_ends(me, 1);
       printf("fault: mariadbd of node %d dies, its exit is seen\n", me) }
#endif
#endif
#ifdef LEAVE
  /* A graceful leave that was begun (the others count me as gone) and then killed, before gvwstate.dat was removed. */
  :: d_step { faults < MAXF && LIVE(me) && mem[pc[me]] != BIT(me) -> faults++;
       v = pc[me]; m = mem[v] & ~BIT(me); process_ends(me, 0); count_weights(v, m, BIT(me));
       printf("fault: node %d leaves, and dies in it\n", me) }
#endif
#if defined(KILL) || defined(LEAVE) || defined(E2)
#ifdef GUARD_AFTER_START
  /* The position on disk is found first, which takes its time; a guard comes once mariadbd runs, if the deadline is still ahead. */
  :: d_step { !IN(me, on | held | starting) && MAY_START_WITH_VIEW(me) -> starting = starting | BIT(me);
       printf("agent %d: is about to start mariadbd\n", me) }
  :: d_step { IN(me, starting) -> starting = starting & ~BIT(me); on = on | BIT(me); GUARDED(me);
       printf("agent %d: starts mariadbd with its view %d, guarded %d\n", me, last[me], IN(me, armed)) }
#define STARTING starting
#else
#define STARTING 0
#ifndef HELD_DOWN
#define HELD_DOWN held
#endif
  :: d_step { !IN(me, on) && !IN(me, HELD_DOWN) && MAY_START_WITH_VIEW(me) -> on = on | BIT(me); held = held & ~BIT(me); GUARDED(me);
       printf("agent %d: starts mariadbd with its view %d\n", me, last[me]) }
#endif
  :: d_step { !IN(me, on | STARTING) && MAY_START_WITHOUT_VIEW(me) ->
       on = on | BIT(me); held = held & ~BIT(me); NEW_VIEW_FILE(me); NOT_BEYOND(me); touch(me); GUARDED(me);
       printf("agent %d: starts mariadbd without its view, last view %d\n", me, last[me]) }
#endif
#ifdef AGENT
  /* The agent starts anew: it knows its old nonces no more. */
  :: d_step { faults < MAXF -> faults++; touch(me); printf("fault: agent %d starts anew\n", me);
#ifdef E2
       lease = lease & (REVOKED | ~BIT(me)); together[me] = 0; /* the guard keeps its deadline */
#endif
#ifdef VOLATILE_PROMISE
       maxe[me] = 0
#endif
     }
#endif

  /* The agent. */
#ifdef COUNTED
  /* A lease with which mariadbd may be started: to no one of the promoted either while somebody is counted out, whom the list that
   * died with them would not refuse any more. */
  :: d_step { !IN(me, on | start | REVOKED) && IN(me, rok) && !IN(me, ron) && WISHED(me) && MAY_HAVE_START(me) -> start = start | BIT(me);
       printf("agent %d: a lease to start with comes\n", me) }
#ifdef DEAD_AND_SILENT
  :: d_step { IN(me, start & REVOKED) -> start = start & ~BIT(me); printf("agent %d: that lease runs out\n", me) }
#endif
  /* Who is counted out is ended by order; the report that it quotes still holds. */
  :: d_step { phase == IDLE && IN(me, counted & rok & ron & on) && pc[me] == 0 -> process_ends(me, 0);
       printf("agent %d: ends mariadbd, which was counted out\n", me) }
  /* Galera hands the list on in a component. */
  :: d_step { IN(me, on) && !IN(me, keeps | out) && (CELL(me) & keeps) != 0 -> keeps = keeps | BIT(me);
       printf("Galera: node %d gets the list\n", me) }
#endif
#ifdef LEASES
  /* When no more promotion can come, leases still depend on who is with the promoted, and starts on who is stopped. */
  :: d_step { !REPORTS_MATTER && revoked != 0 && IN(me, lastg) -> rok = rok | BIT(me); rpc[me] = pc[me]; RUNS(me) }
#endif
#ifdef COUNTED
  :: d_step { !REPORTS_MATTER && !IN(me, lastg) -> rok = rok | BIT(me); RUNS(me) }
#endif
  :: d_step { REPORTS_MATTER && HEARD(me) -> report(me); NO_WISH(me);
       printf("agent %d: reports primary view %d, last view %d, highest epoch %d, runs %d\n", me, pc[me], last[me], maxe[me], IN(me, on)) }
#ifdef WISHES
  /* Once its lease is revoked nobody answers that, and it proves nothing. */
  :: d_step { REPORTS_MATTER && HEARD(me) && !IN(me, on | REVOKED) -> report(me); WISH(me);
       printf("agent %d: reports that it wants to start mariadbd with view %d\n", me, last[me]) }
#endif
#ifdef CRASH
  :: d_step { IN(me, rok) -> forget(me) }
#endif
  :: FREEZE(1)
  :: MAKE_PRIMARY(1)
  :: NONCE_AGES(1)
#ifdef LATE_BOOTSTRAP
  :: d_step { IN(me, stuck & on) -> stuck = stuck & ~BIT(me);
       if :: pc[me] == 0 -> printf("node %d: the bootstrap statement is carried out\n", me); m = COMPONENT(me); form(m, m) :: else fi } /* nothing happens in a Primary component */
#endif
#if MAXE > 1
  :: FREEZE(2)
  :: MAKE_PRIMARY(2)
  :: NONCE_AGES(2)
#endif
#if MAXE > 2
  :: FREEZE(3)
  :: MAKE_PRIMARY(3)
  :: NONCE_AGES(3)
#endif
#ifdef E2
  /* A lease comes. The guard is armed with the first one. */
  :: d_step { !IN(me, REVOKED & ~lease) && (!IN(me, lease & due) || (last[me] == P && together[me] != mem[P])) ->
       lease = lease | BIT(me); due = due | BIT(me); armed = armed | (on & BIT(me));
       if :: last[me] == P -> together[me] = mem[P] :: else fi;
       printf("agent %d: a lease comes\n", me) }
  /* It runs out: the arbitrator gave no other, or the two do not hear each other for so long, which is one of the faults. */
  :: d_step { IN(me, lease) && (IN(me, REVOKED) || faults < MAXF) ->
       if :: IN(me, REVOKED) :: else -> faults++ fi;
       lease = lease & ~BIT(me); printf("agent %d: lease runs out\n", me) }
  /* The deadline moves on while one of three things holds. Once it passes, the guard kills. */
  :: d_step { !IN(me, due) && IN(me, on) && LIVES_ON(me) -> due = due | BIT(me); LOOK_AROUND(me);
       armed = armed | BIT(me); printf("agent %d: a deadline that is ahead\n", me) }
  :: d_step { IN(me, due) && !LIVES_ON(me) -> due = due & ~BIT(me);
       printf("guard %d: deadline passes\n", me);
#ifndef LATE_FENCE
       if :: IN(me, armed) && FENCED(me) -> process_ends(me, 0) :: else fi
#endif
     }
#ifdef LATE_FENCE
  :: d_step { !IN(me, due) && !LIVES_ON(me) && IN(me, armed) && IN(me, on) -> process_ends(me, 0) }
#endif
#endif
  od
}

/* ---- the arbitrator -------------------------------------------------------------------------------------------------------- */

#define TARGET target[epoch]
#define REST rest[epoch]
#define NAMES_P(x) (rlast[x] == P)
#ifdef CONFIGURED_WEIGHTS
#define POOL ALL
#define FIT(x) (IN(x, rok & ron) && rpc[x] == 0)
#else
#define POOL mem[P]
#define FIT(x) (IN(x, rok & ron) && rpc[x] == 0 && NAMES_P(x))
#endif
/* Every reporting member of P names P as its last primary view. What a silent node would have reported plays no part, so only a node
 * whose report is used as evidence is asked; E2 and E4 are the evidence about nodes that may be silent. */
#if defined(NOT_ALIKE) || defined(CONFIGURED_WEIGHTS)
#define ALIKE(x) 1
#else
#define ALIKE(x) NAMES_P(x)
#endif

/* Evidence about one node of O. */
#ifdef E1
#ifdef NO_EPOCH
#define EV1(x) (IN(x, rok) && rpc[x] == 0 && ALIKE(x))
#else
#define EV1(x) (IN(x, rok) && rpc[x] == 0 && IN(x, rfrozen) && ALIKE(x))
#endif
#else
#define EV1(x) 0
#endif
#ifdef E2
#ifdef NO_LEASE_WAIT
#define EV2(x) IN(x, rarmed)
#elif defined(LEASE_ONLY)
#define EV2(x) (IN(x, rarmed) && !IN(x, lease))
#else
/* The bound counts from the revocation, and knows nothing of what is seen over there: by then Galera has noticed that the group is
 * gone, and what was seen before that lets nobody live any more; what is seen after that may. */
#define EV2(x) (IN(x, rarmed) && !IN(x, lease) && (!IN(x, due) || HARMLESS(x) || (SEES_ALL(x) && (mem[pc[x]] & group) == 0)))
#endif
#else
#define EV2(x) 0
#endif
#ifdef E3
#ifdef DEAD_PER_HOST
#define EV3(x) IN(x, rdead)
#elif defined(DEAD_BY_RECORD)
#define EV3(x) (IN(x, rok & rdead) && !IN(x, ron))
#elif defined(DEAD_AND_SILENT) /* the lease that any report of being stopped was given has run out; but it may have been started before */
#define EV3(x) (IN(x, rok & rdead) && !IN(x, ron) && ALIKE(x) && !IN(x, start))
#elif defined(DEAD_AND_UNHEARD)
#define EV3(x) (IN(x, rdead & (rfrozen | ~rwants)) && !IN(x, ron) && ALIKE(x))
#elif defined(WISHES) && !defined(DEAD_WITH_LEASE) /* it has no lease to start with: its promise ended that, or what it said last; silent or not */
#define EV3(x) (IN(x, rok & rdead & (rfrozen | ~rwants)) && !IN(x, ron) && ALIKE(x))
#else
#define EV3(x) (IN(x, rok & rdead) && !IN(x, ron) && ALIKE(x))
#endif
#else
#define EV3(x) 0
#endif
#ifdef UNREACHABLE_IS_DEAD
#define NAIVE(x) 1
#else
#define NAIVE(x) 0
#endif
#define PROVEN(x) (EV1(x) || EV2(x) || EV3(x) || NAIVE(x))
/* E4, about O as a whole: it cannot be Primary by weight. */
#ifdef ANY_PROCESS
#define SAME_PROCESS 1
#elif defined(CONFIGURED_WEIGHTS)
#define SAME_PROCESS ((group & ~rsame) == 0)
#else
#define SAME_PROCESS (((group | REST) & ~(rsame & ron & WHERE(NAMES_P))) == 0)
#endif
#ifdef STRAIGHT
#define LEFT_AS_GROUP(x) (rleft[x] == group)
#define UNDIVIDED ((group & ~WHERE(LEFT_AS_GROUP)) == 0)
#else
#define UNDIVIDED 1
#endif
#ifdef E4
#define TIE (!granted && WEIGHT(REST) <= WEIGHT(group) && SAME_PROCESS && UNDIVIDED)
#else
#define TIE 0
#endif
#ifdef LEASES
#define SAME_P (P == gview) /* else the intent is withdrawn, and the leases are revoked anew */
#else
#define SAME_P 1
#endif
#define ALLOWED (SAME_P && (group & ~WHERE(FIT)) == 0 && REST == (POOL & ~group) && GROUP_FROZEN && \
  ((REST & ~WHERE(PROVEN)) == 0 || TIE))

/* Intent, durable: epoch, target, group, and that the leases of the rest are revoked. From here on freeze(epoch) may be sent. */
#define INTEND(t)                                                                                          \
  d_step { phase == IDLE && epoch < MAXE && IN(t, rok & ron) && rpc[t] == 0 && rcomp[t] != 0 &&            \
           (rcomp[t] & ~POOL) == 0 && (rcomp[t] & ~WHERE(FIT)) == 0 ->                                     \
    epoch++; phase = INTENT; group = rcomp[t]; TARGET = t; REST = POOL & ~group; BEGUN;                    \
    printf("arbitrator: intent %d, target %d, G %d, O %d\n", epoch, t, group, REST) }

/* P: all the members of a later primary view name it. */
#define CONFIRM(x)                                                                                         \
  d_step { IN(x, rok) && rlast[x] > P && (mem[rlast[x]] & ~(rok & WHERE_NAMED(rlast[x]))) == 0 -> P = rlast[x]; \
    printf("arbitrator: P is view %d, of set %d\n", P, mem[P]) }
#if N == 2
#define WHERE_NAMED(w) ((rlast[0] == w) | ((rlast[1] == w) << 1))
#elif N == 3
#define WHERE_NAMED(w) ((rlast[0] == w) | ((rlast[1] == w) << 1) | ((rlast[2] == w) << 2))
#else
#define WHERE_NAMED(w) ((rlast[0] == w) | ((rlast[1] == w) << 1) | ((rlast[2] == w) << 2) | ((rlast[3] == w) << 3))
#endif

#define QUOTE_NONCE if :: IN(TARGET, rnonce) -> valid = valid | BIT(epoch) :: else -> valid = valid & ~BIT(epoch) fi
#if defined(NO_REVOKE) || !defined(LEASES)
#define REVOKE skip
#else
#define REVOKE newly = REST & ~revoked; revoked = revoked | REST
#endif
#ifdef LEASES
#define BEGUN lastg = group; gview = P
#else
#define BEGUN skip
#endif

#ifdef COUNTED
#define RECORD granted = 1; behind = REST & ~(ron & WHERE(EV1)); counted = (counted & ~group) | (REST & ~WHERE(PROVEN))
#elif defined(E4)
#define RECORD granted = 1
#else
#define RECORD skip
#endif

#define RPC_IS_0(x) (rpc[x] == rpc[0])
/* What an order made may be on a disk, so after one the leases stay revoked. Of one that was never carried out nothing came, and
 * whom it left behind is what he was before. */
#ifdef ABANDONED_GIVES_BACK
#define GIVES_BACK 1
#else
#define GIVES_BACK (rnever != 0)
#endif
#ifdef COUNTED
#define NO_MORE_LEFT_BEHIND(who) counted = counted & ~(who)
#else
#define NO_MORE_LEFT_BEHIND(who) skip
#endif
#define VIEW_OF(x) (IN(x, lastg & rok) && rpc[x] != 0 -> mem[rpc[x]] : 0)
#if N == 2
#define WITH_GROUP (VIEW_OF(0) | VIEW_OF(1))
#else
#define WITH_GROUP (VIEW_OF(0) | VIEW_OF(1) | VIEW_OF(2))
#endif
#ifdef RESTORE_ALL
#define RESTORED (WITH_GROUP -> ALL : 0)
#elif defined(RESTORE_MEMBERS_OF_OLD_P)
#define RESTORED (P != gview -> mem[P] : 0)
#else
#define RESTORED WITH_GROUP
#endif
/* One primary component of all nodes, reported by all. Not: of all of P, for after a grant P is soon the promoted group alone. */
#define FULL_MERGE (rok == ALL && rpc[0] != 0 && mem[rpc[0]] == ALL && WHERE(RPC_IS_0) == ALL)
#ifdef ABANDON_ON_OLD_REPORT
#define SEEN_AFTER ALL
#else
#define SEEN_AFTER rafter
#endif
/* Only the target carries an order out. Once it cannot any more, a later report of the target says what came of it: it never began,
 * or it did, and what it made is over. (minder asks more of the second: for one that is dead, that nobody of G is Primary.) */
#define CAME_TO_NOTHING (IN(TARGET, rok & SEEN_AFTER) && (rpc[TARGET] == 0 || rnever != 0))

/* Whose guards were armed when the leases were revoked is durable. */
#define KEPT_ARMED (phase == INTENT -> rarmed & REST : 0)
#define FORGET_REPORTS j = 0; do :: j < N -> forget(j); j++ :: else -> break od; rarmed = KEPT_ARMED; skip

/* An epoch is over. */
inline resolve() {
  phase = IDLE; group = 0; rafter = 0; rnever = 0; rfrozen = 0; newly = 0;
  if :: !REPORTS_MATTER -> j = 0; do :: j < N -> forget(j); j++ :: else -> break od; skip :: else fi;
  skip
}

proctype arbitrator() {
  do
  :: CONFIRM(0)
  :: CONFIRM(1)
#if N > 2
  :: CONFIRM(2)
#endif
#if N > 3
  :: CONFIRM(3)
#endif
  :: INTEND(0)
  :: INTEND(1)
#if N > 2
  :: INTEND(2)
#endif
#if N > 3
  :: INTEND(3)
#endif
  :: d_step { phase == INTENT -> printf("arbitrator: withdraws intent %d\n", epoch); resolve() } /* nothing was granted */
#ifdef SEND_FIRST
  :: d_step { phase == INTENT && !IN(epoch, sent) && ALLOWED -> QUOTE_NONCE; sent = sent | BIT(epoch);
       printf("arbitrator: sends %d, not yet recorded\n", epoch) }
  :: d_step { phase == INTENT && IN(epoch, sent) -> phase = GRANTED; RECORD; REVOKE; rafter = 0; rnever = 0;
       printf("arbitrator: records grant %d\n", epoch) }
#else
  /* Grant, durable; then the order. */
  :: d_step { phase == INTENT && ALLOWED -> phase = GRANTED; RECORD; REVOKE; QUOTE_NONCE; rafter = 0;
       printf("arbitrator: grant %d to G %d, nonce good %d\n", epoch, group, IN(epoch, valid)) }
  :: d_step { phase == GRANTED && !IN(epoch, sent) -> sent = sent | BIT(epoch); printf("arbitrator: sends %d\n", epoch) }
#endif
#ifdef REQUOTE
  /* The order is sent again, with the nonce of a newer report of a target that is still non-Primary. */
  :: d_step { phase == GRANTED && IN(TARGET, rnonce) && IN(TARGET, rok & ron) && rpc[TARGET] == 0 -> QUOTE_NONCE; printf("arbitrator: sends %d again, new nonce\n", epoch) }
#endif
  /* Done: the target is seen Primary. */
  :: d_step { phase == GRANTED && IN(TARGET, rok) && rpc[TARGET] != 0 -> printf("arbitrator: %d done\n", epoch); resolve() }
  /* Abandoned. */
  :: d_step { phase == GRANTED && !IN(epoch, valid) && CAME_TO_NOTHING ->
       printf("arbitrator: %d abandoned, carried out %d\n", epoch, rnever == 0);
#ifdef LEASES
       if
       :: GIVES_BACK && newly != 0 -> revoked = revoked & ~newly; NO_MORE_LEFT_BEHIND(newly);
#ifdef REACH_GIVEN_BACK
            assert(1 < REACH_GIVEN_BACK); /* as in goal(e) */
#endif
            printf("arbitrator: leases again, but not to %d\n", revoked)
       :: else
       fi;
#endif
       resolve() }
#ifdef MANY_GRANTS
  :: d_step { phase == GRANTED -> printf("arbitrator: gives %d up, unresolved\n", epoch); resolve() }
#endif
#ifdef E4
  :: d_step { phase == IDLE && FULL_MERGE -> granted = 0; printf("arbitrator: full merge\n") }
#endif
#ifdef COUNTED
  :: d_step { (counted & rok & ~ron) != 0 -> counted = counted & ~(rok & ~ron); printf("arbitrator: counted out are still %d\n", counted) }
#endif
#ifdef LEASES
  /* Leases are given again to those who are in the component that was granted, or in one that came of it. */
  :: d_step { phase == IDLE && (revoked & RESTORED) != 0 -> revoked = revoked & ~RESTORED; NO_MORE_LEFT_BEHIND(RESTORED);
#ifdef REACH_LEASES_AGAIN
       assert(1 < REACH_LEASES_AGAIN); /* as in goal(e) */
#endif
       printf("arbitrator: leases again, but not to %d\n", revoked) }
#endif
  /* Crash: what is only in memory is lost. */
#ifdef FORGETFUL
  :: d_step { phase = IDLE; group = 0; granted = 0; revoked = 0; newly = 0; printf("fault: the arbitrator forgets its grants\n") }
#endif
#ifdef CRASH
  :: d_step { rok != 0 || rarmed != KEPT_ARMED -> FORGET_REPORTS }
#endif
  od
}

/* ---- the environment ------------------------------------------------------------------------------------------------------- */

#define CUT(x) d_step { faults < MAXF && net[x] != BIT(x) -> faults++; cut(x); printf("fault: node %d is cut off\n", x) }
#define HEAL(x, y)                                                                                         \
  d_step { faults < MAXF && !IN(x, net[y]) -> faults++; m = net[x] | net[y]; j = 0;                        \
    do :: j < N -> if :: IN(j, m) -> net[j] = m :: else fi; j++ :: else -> break od;                       \
    two_primaries(); printf("heal: set %d is together\n", m) }

proctype environment() {
  do
  :: CUT(0)
  :: HEAL(0, 1)
#if N > 2 && !defined(TWO_SITES) /* of which one is node 0 */
  :: CUT(1)
  :: CUT(2)
  :: HEAL(0, 2)
  :: HEAL(1, 2)
#endif
#if N > 3
  :: CUT(3)
  :: HEAL(0, 3)
  :: HEAL(1, 3)
  :: HEAL(2, 3)
  /* Between the data centres {0, 1} and {2, 3}. */
  :: d_step { faults < MAXF && net[0] == ALL -> faults++; net[0] = 3; net[1] = 3; net[2] = 12; net[3] = 12 }
#endif
  od
}

init {
  d_step {
    i = 0; mem[1] = ALL;
    do
    :: i < N -> net[i] = ALL; pc[i] = 1; last[i] = 1; rpc[i] = 1; rlast[i] = 1;
#ifdef LOSS
         data[i] = 1;
#endif
#ifdef E2
         together[i] = ALL;
#endif
         i++
    :: else -> break
    od;
    rok = ALL; ron = ALL; rsame = ALL; rarmed = ALL; i = 0
  }
  atomic {
    run node(0); run node(1);
#if N > 2
    run node(2);
#endif
#if N > 3
    run node(3);
#endif
    run arbitrator(); run environment()
  }
}
