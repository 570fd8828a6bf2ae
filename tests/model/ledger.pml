/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger's protocol, for spin: src/reserve/ledger.c and room_read.c, src/session/, src/place/.
 * tests/model/spin runs it.  Labels are the code's steps; one transition is what the code does
 * without anybody being able to see it half done.
 *
 * Receivers have a hook, a placing child, a domain and a toolstack each.  Beside them, at any step:
 * foreign allocations (FOREIGN pages), SIGKILL to hooks and children (KILLS), and domains that are
 * destroyed while hook and child still run (DESTROYS), as `xl destroy` does.  All want WANT pages,
 * on nodes of NODE0 and NODE1 pages.
 *
 * What is wider than the code, on purpose: any match that fits the room is one; Xen gives a run of
 * a populate call page by page; a restore may end well with fewer pages than were reserved; the
 * lock may be given up at once; a claim that fails is both refused (strict) and gone on without
 * (prefer).
 *
 * What is not here: claims on nodes (Xen then keeps the nodes itself); a receiver that goes on
 * without an entry, or has more pages than were reserved (to the others that is a foreign
 * allocation); asking again for a refused page (it could only be refused less often).  A process
 * whose SIGKILL is pending does nothing more of its own: the kernel ends the call that it is in.
 */
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef NODE0
#define NODE0 3
#endif
#ifndef NODE1
#define NODE1 2
#endif
#ifndef WANT
#define WANT 2
#endif
#ifndef FOREIGN
#define FOREIGN 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef DESTROYS
#define DESTROYS 0
#endif

#define SLOTS    RECEIVERS
#define NOBODY   RECEIVERS
#define AT(r, n) ((r) * 2 + (n))

mtype:entry_state = { ENTRY_FREE, ENTRY_STAKED, ENTRY_PLACING };
/* EXITING: it runs no more and the kernel has dropped its lock, but it is no zombie yet.  That is
 * the order of exit_files() and exit_notify(), which sends the parent-death signal as well. */
mtype:process = { ABSENT, RUNNING, EXITING, DEAD };
mtype:domain = { ALIVE, DYING, GONE };
mtype:result = { NONE, GOOD, BAD };

typedef ledger_entry {
    mtype:entry_state state;
    byte owner;  /* pid and pid_start, domid and uuid */
    byte placer; /* placer and placer_start */
    byte target[2];
    byte placed[2];
    byte refused[2];
    mtype:result ended
};

/* The file, and the lock on it. */
ledger_entry entry[SLOTS];
byte holder = NOBODY;

/* Xen: what a domain has where its quota put it, and where Xen put it instead. */
byte free[2];
byte claim[RECEIVERS];
mtype:domain dom[RECEIVERS];
byte exact[RECEIVERS * 2];
byte elsewhere[RECEIVERS * 2];

mtype:process hook[RECEIVERS];
mtype:process child[RECEIVERS];
bool killed[RECEIVERS]; /* the child has SIGKILL pending */
byte slot_of[RECEIVERS];
bool status[RECEIVERS]; /* the child's, then the hook's: true is 0 */
bool settled[RECEIVERS]; /* the toolstack has drawn its conclusion */

/* Seen by the properties alone. */
byte foreign[2];
byte promise[RECEIVERS * 2]; /* matched, and neither placed nor refused nor given up */
byte late[RECEIVERS];        /* placed, and not off the claim yet */
bool calling[RECEIVERS];     /* the child is in Xen: a call that it ends even when killed */
byte inside;
mtype:result outcome[RECEIVERS];
byte kills, destroys;

#if RECEIVERS == 2
#define SUM(a, n) (a[AT(0, n)] + a[AT(1, n)])
#define TOTAL(a)  (a[0] + a[1])
#define ALL(what) (what(0) && what(1))
#else
#define SUM(a, n) (a[AT(0, n)] + a[AT(1, n)] + a[AT(2, n)])
#define TOTAL(a)  (a[0] + a[1] + a[2])
#define ALL(what) (what(0) && what(1) && what(2))
#endif
#define CLAIMS       TOTAL(claim)
#define HOST_FREE    (free[0] + free[1])
#define HOST_FOREIGN (foreign[0] + foreign[1])

/*
 * A page that a full node displaces goes where Xen likes and takes a page there as a foreign one
 * does, from a node that may be promised to another receiver.  That is a limit, not a fault: it
 * takes a foreign allocation to begin with.  LIMIT_STRICT_NODE shows it.
 */
#ifdef LIMIT_STRICT_NODE
#define TAKEN(n) foreign[n]
#else
#define TAKEN(n) (foreign[n] + SUM(elsewhere, n))
#endif

#define NOT_OVERSOLD(n)    (SUM(promise, n) <= free[n] + TAKEN(n))
#define NOTHING_LOST(n, s) (free[n] + foreign[n] + SUM(exact, n) + SUM(elsewhere, n) == s)

/*
 * At every step: what we promised of a node is there, but for what foreign allocations took of it;
 * claims are covered; no page is lost.  Elsewhere: only one holds the lock (LOCK, UNLOCK), a full
 * node is never our own doing (Child), a slot is its owner's until it is free (RESTORED, REMOVE),
 * and nothing is left over (Next_use).
 */
inline check()
{
    assert(NOT_OVERSOLD(0) && NOT_OVERSOLD(1));
    assert(CLAIMS <= HOST_FREE + TOTAL(late));
    assert(NOTHING_LOST(0, NODE0) && NOTHING_LOST(1, NODE1))
}

inline forget_promise(r)
{
    promise[AT(r, 0)] = 0;
    promise[AT(r, 1)] = 0
}

#define DONE(s, n)      (entry[s].placed[n] + entry[s].refused[n])
#define REMAINING(s, n) (entry[s].target[n] > DONE(s, n) -> entry[s].target[n] - DONE(s, n) : 0)

/*
 * process_lives(), then domain_lives().  One step, since what is looked for in vain stays away: the
 * hook's end, then the placer's, then the domain's.
 */
inline prune_slot()
{
    d_step {
#ifdef MUTANT_NO_PLACER
        placer = NOBODY;
#endif
        if
        :: hook[entry[i].owner] == DEAD && (placer == NOBODY || child[placer] == DEAD) ->
            entry[i].state = ENTRY_FREE
        :: else ->
            if
            :: dom[entry[i].owner] == GONE ->
#ifdef MUTANT_DOMAIN_FREES
                /* As it was: the slot was anybody's, although its processes still wrote to it. */
                entry[i].state = ENTRY_FREE
#else
                entry[i].target[0] = 0;
                entry[i].target[1] = 0
#endif
            :: else
            fi
        fi;
        placer = NOBODY;
        i++
    }
}

/* exclaim_ledger_prune(); `i` and `placer` are the caller's. */
inline prune()
{
#ifndef MUTANT_PRUNE_NEVER
    do
    :: d_step { i < SLOTS && entry[i].state == ENTRY_FREE -> i++ }
    :: d_step { i == SLOTS -> i = 0 }; break
#ifdef MUTANT_PLACER_FIRST
    /* As it was: who places was read before the hook was looked for. */
    :: i < SLOTS && entry[i].state != ENTRY_FREE -> placer = entry[i].placer; prune_slot()
#else
    :: atomic { i < SLOTS && entry[i].state != ENTRY_FREE -> placer = entry[i].placer; prune_slot() }
#endif
    od
#else
    skip
#endif
}

/* exclaim_ledger_charge() */
inline read_owed()
{
    do
    :: d_step {
        i < SLOTS ->
        if
        :: entry[i].state != ENTRY_FREE ->
            owed[0] = owed[0] + REMAINING(i, 0);
            owed[1] = owed[1] + REMAINING(i, 1)
        :: else
        fi;
        i++
    }
    :: d_step { i == SLOTS -> i = 0 }; break
    od
}

/* The host operation: one call for the nodes, another for the total. */
inline read_free()
{
    d_step {
        room[0] = free[0];
        room[1] = free[1]
    };
    host_room = (HOST_FREE > CLAIMS -> HOST_FREE - CLAIMS : 0)
}

#ifdef LIMIT_XEN_WRAP
/* As those Xens have it: what is free less what is claimed is unsigned, and was read below zero. */
#define CAN_CLAIM (CLAIMS + WANT <= HOST_FREE || CLAIMS > HOST_FREE)
#else
#define CAN_CLAIM (CLAIMS + WANT <= HOST_FREE)
#endif

proctype Hook(byte me)
{
    byte i, slot, host_room, placer = NOBODY;
    byte owed[2], room[2];
    bool entered;

PEEK: /* this migration's stream and domain: nothing that others see */
    {
        skip;
#ifndef MUTANT_NO_LOCK
LOCK:
        if
        :: atomic { holder == NOBODY -> holder = me; inside++; assert(inside == 1) }
        :: holder != NOBODY -> goto EXIT
        fi;
#endif
PRUNE:
        prune();
#ifdef MUTANT_FREE_FIRST
        read_free();
        read_owed();
#else
OWED:
        read_owed();
FREE:
        read_free();
#endif
MATCH:
        atomic {
            room[0] = (room[0] > owed[0] -> room[0] - owed[0] : 0);
            room[1] = (room[1] > owed[1] -> room[1] - owed[1] : 0);
            owed[0] = 0;
            owed[1] = 0;
            do
            :: slot < SLOTS && entry[slot].state != ENTRY_FREE -> slot++
            :: else -> break
            od;
            if
            :: host_room < WANT || room[0] + room[1] < WANT || slot == SLOTS
            :: else ->
                entered = true;
                if
                :: room[1] >= WANT -> i = 0
                :: room[0] >= WANT -> i = WANT
#if WANT > 1
                :: room[0] >= 1 && room[1] >= WANT - 1 -> i = 1
#endif
#if WANT > 2
                :: room[0] >= 2 && room[1] >= WANT - 2 -> i = 2
#endif
                fi
            fi;
            host_room = 0;
            room[0] = 0;
            room[1] = 0;
            if
            :: entered
            :: else -> slot = 0; goto UNLOCK
            fi
        };
ENTRY:
        d_step {
            entry[slot].owner = me;
            entry[slot].placer = NOBODY;
            entry[slot].target[0] = i;
            entry[slot].target[1] = WANT - i;
            entry[slot].placed[0] = 0;
            entry[slot].placed[1] = 0;
            entry[slot].refused[0] = 0;
            entry[slot].refused[1] = 0;
            entry[slot].ended = NONE;
            entry[slot].state = ENTRY_STAKED;
            slot_of[me] = slot;
            if
            :: dom[me] == ALIVE ->
                promise[AT(me, 0)] = i;
                promise[AT(me, 1)] = WANT - i
            :: else
            fi;
            i = 0;
            check()
        };
STAKE:
        if
        :: d_step { dom[me] == ALIVE && CAN_CLAIM -> claim[me] = WANT; check() }
        :: atomic {
            dom[me] != ALIVE || !CAN_CLAIM ->
            /* It fitted when it was matched, so it was not one of us. */
            assert(dom[me] != ALIVE || HOST_FOREIGN > 0 || TOTAL(late) > 0);
            if
            :: skip             /* prefer */
            :: entered = false /* strict */
            fi
        }
        fi;
UNLOCK:
        atomic {
#ifndef MUTANT_NO_LOCK
            assert(holder == me && inside == 1);
            inside--;
            holder = NOBODY
#else
            skip
#endif
        };
        if
        :: entered
        :: !entered && slot_of[me] == NOBODY -> goto EXIT
        :: !entered && slot_of[me] != NOBODY -> goto REMOVE
        fi;
PLACE:
        child[me] = RUNNING;
RESTORED:
        d_step {
            child[me] == DEAD ->
            /* The report's result is this migration's, not that of whoever had the slot before. */
            assert(entry[slot].ended == outcome[me])
        };
REMOVE:
        atomic {
            assert(entry[slot].state != ENTRY_FREE && entry[slot].owner == me);
            entry[slot].state = ENTRY_FREE;
            forget_promise(me)
        };
RELEASE:
#ifndef MUTANT_NO_RELEASE
        claim[me] = 0;
#endif
EXIT:
        skip
    }
    unless { hook[me] == EXITING };
    d_step {
        /* The parent-death signal comes before anybody can see the zombie. */
        killed[me] = child[me] == RUNNING;
        status[me] = status[me] && hook[me] == RUNNING;
        hook[me] = DEAD;
        if
        :: calling[me]
        :: else -> forget_promise(me)
        fi;
        i = 0;
        slot = 0;
        host_room = 0;
        owed[0] = 0;
        owed[1] = 0;
        room[0] = 0;
        room[1] = 0;
        placer = NOBODY;
        entered = false
    }
}

/* Xen on the request of `me` for a page on node n: claims hold the host's memory, not a node's. */
#define XEN_GIVES(n) (free[n] > 0 && (claim[me] > 0 || CLAIMS + 1 <= HOST_FREE))

/* Up to 4.19.4, 4.20.2 and 4.21.0 the claim shrinks some time after the heap. */
inline redeem()
{
#ifdef LATE
    late[me] = (claim[me] > 0 -> 1 : 0)
#else
    claim[me] = (claim[me] > 0 -> claim[me] - 1 : 0)
#endif
}

inline redeem_late()
{
    /* A domain that is killed in between has no claim any more. */
    claim[me] = (claim[me] > 0 -> claim[me] - late[me] : 0);
    late[me] = 0
}

proctype Child(byte me)
{
    byte n, nr, got, slot, left = WANT;
    bool refused;

    if
    :: child[me] == RUNNING -> slot = slot_of[me]
    :: hook[me] == DEAD && child[me] == ABSENT -> goto ENDED
    fi;
MAP:
    {
        if
        :: entry[slot].owner == me
        :: entry[slot].owner != me -> goto EXIT
        fi;
        d_step {
            entry[slot].placer = me;
            entry[slot].state = ENTRY_PLACING
        }
    }
    unless { killed[me] };

NEXT:
    {
        atomic {
            if
            :: REMAINING(slot, 0) > 0 && left > 0 -> n = 0
            :: REMAINING(slot, 0) == 0 && REMAINING(slot, 1) > 0 && left > 0 -> n = 1
            :: REMAINING(slot, 0) == 0 && REMAINING(slot, 1) == 0 && left > 0 -> goto ANYWHERE
            /* No more pages in the stream.  One that breaks is a child that is killed. */
            :: true -> outcome[me] = GOOD; goto RESULT
            fi;
            nr = REMAINING(slot, n);
            nr = (nr > left -> left : nr);
            calling[me] = true
        }
    }
    unless { killed[me] -> goto EXIT };

    /* The populate call: not even SIGKILL gets in between. */
    do
    :: d_step {
        nr > 0 && dom[me] == ALIVE && late[me] == 0 && XEN_GIVES(n) ->
        free[n]--;
        exact[AT(me, n)]++;
        promise[AT(me, n)]--;
        redeem();
        got++;
        left--;
        nr--;
        check()
    }
#ifdef LATE
    :: d_step { late[me] > 0 -> redeem_late(); check() }
#endif
    :: d_step {
        nr > 0 && dom[me] == ALIVE && late[me] == 0 && !XEN_GIVES(n) ->
        /* Only others can have filled it. */
        assert(free[n] > 0 || TAKEN(n) > 0);
        assert(HOST_FOREIGN > 0 || TOTAL(late) > 0);
        refused = true;
        nr = 0
    }
    :: d_step { nr > 0 && dom[me] != ALIVE && late[me] == 0 -> refused = true; nr = 0 }
    :: d_step { nr == 0 && late[me] == 0 -> calling[me] = false }; break
    od;

COUNT:
    {
        d_step {
            entry[slot].placed[n] = entry[slot].placed[n] + got;
            got = 0
        };
        if
        :: d_step {
            refused ->
            refused = false;
            promise[AT(me, n)] = 0;
            entry[slot].refused[n] = entry[slot].refused[n] + REMAINING(slot, n)
        }
        :: !refused
        fi;
        n = 0
    }
    unless { killed[me] -> goto EXIT };
    goto NEXT;

ANYWHERE:
    if
    :: d_step { dom[me] == ALIVE && XEN_GIVES(0) -> free[0]--; elsewhere[AT(me, 0)]++; redeem(); left--; check() }
    :: d_step { dom[me] == ALIVE && XEN_GIVES(1) -> free[1]--; elsewhere[AT(me, 1)]++; redeem(); left--; check() }
    :: d_step {
        dom[me] == ALIVE && !XEN_GIVES(0) && !XEN_GIVES(1) ->
        /* That is what the claim is for. */
        assert(claim[me] == 0);
        outcome[me] = BAD
    }; goto RESULT
    :: dom[me] != ALIVE -> outcome[me] = BAD; goto RESULT
    fi;
#ifdef LATE
    d_step { redeem_late(); check() };
#endif
    goto NEXT;

RESULT:
    {
        d_step {
            entry[slot].ended = outcome[me];
            status[me] = outcome[me] == GOOD
        }
    }
    unless { killed[me] -> status[me] = false; outcome[me] = NONE };
EXIT:
    atomic {
        status[me] = status[me] && !killed[me];
        child[me] = DEAD;
        if
        :: hook[me] == DEAD -> forget_promise(me)
        :: else
        fi;
        n = 0;
        nr = 0;
        got = 0;
        slot = 0;
        left = 0;
        refused = false
    };
ENDED:
    skip
}

inline destroy(r)
{
    dom[r] = DYING;
    claim[r] = 0;
    late[r] = 0;
    forget_promise(r)
}

proctype Toolstack(byte me)
{
    if
    :: d_step { hook[me] == DEAD && status[me] && dom[me] == ALIVE -> settled[me] = true }; goto SETTLED
    :: d_step { hook[me] == DEAD && !status[me] -> destroy(me) }
#if DESTROYS > 0
    :: d_step { hook[me] != DEAD && destroys < DESTROYS -> destroys++; destroy(me) }
#endif
    fi;
    /* A page of a call that is still on its way comes back with the others. */
    d_step {
        free[0] = free[0] + exact[AT(me, 0)] + elsewhere[AT(me, 0)];
        free[1] = free[1] + exact[AT(me, 1)] + elsewhere[AT(me, 1)];
        exact[AT(me, 0)] = 0;
        exact[AT(me, 1)] = 0;
        elsewhere[AT(me, 0)] = 0;
        elsewhere[AT(me, 1)] = 0;
        dom[me] = GONE;
        settled[me] = true;
        check()
    };
SETTLED:
    skip
}

/* Another domain's builder, a balloon, Xen's own heap. */
#define FOREIGN_MAY(n) (HOST_FOREIGN < FOREIGN && free[n] > 0 && CLAIMS + 1 <= HOST_FREE)

active proctype Foreign()
{
end:
    do
    :: d_step { FOREIGN_MAY(0) -> free[0]--; foreign[0]++; check() }
    :: d_step { FOREIGN_MAY(1) -> free[1]--; foreign[1]++; check() }
    od
}

inline kill_hook(r)
{
    kills++;
    hook[r] = EXITING;
    if
    :: holder == r -> holder = NOBODY; inside--
    :: else
    fi
}

#define KILL_HOOK(r)  d_step { kills < KILLS && hook[r] == RUNNING -> kill_hook(r) }
#define KILL_CHILD(r) d_step { kills < KILLS && child[r] == RUNNING && !killed[r] -> kills++; killed[r] = true }

active proctype Fate()
{
end:
    do
    :: KILL_HOOK(0)
    :: KILL_HOOK(1)
    :: KILL_CHILD(0)
    :: KILL_CHILD(1)
#if RECEIVERS > 2
    :: KILL_HOOK(2)
    :: KILL_CHILD(2)
#endif
    od
}

#define ENDED(r)    (settled[r] && hook[r] == DEAD && (child[r] == DEAD || child[r] == ABSENT))
#define IN_ORDER(r) (dom[r] == (status[r] -> ALIVE : GONE) || destroys > 0)
#define CLEAN(s)    (entry[s].state == ENTRY_FREE)

/* Whoever uses the ledger next.  That it is reached is checked too: else this is an invalid end. */
active proctype Next_use()
{
    byte i, placer = NOBODY;

    ALL(ENDED);
    assert(holder == NOBODY && inside == 0);
    assert(CLAIMS == 0);
    assert(ALL(IN_ORDER));
    prune();
    assert(ALL(CLEAN))
}

init {
    byte r;

    atomic {
        free[0] = NODE0;
        free[1] = NODE1;
        do
        :: r < RECEIVERS ->
            entry[r].state = ENTRY_FREE;
            entry[r].owner = NOBODY;
            entry[r].placer = NOBODY;
            entry[r].ended = NONE;
            dom[r] = ALIVE;
            hook[r] = RUNNING;
            child[r] = ABSENT;
            outcome[r] = NONE;
            slot_of[r] = NOBODY;
            run Hook(r);
            run Child(r);
            run Toolstack(r);
            r++
        :: else -> r = 0; break
        od
    }
}
