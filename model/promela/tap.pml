/* The tap, written from spec/75-tap.md, 80-manage.md, 85-apdu.md and 95-refusals.md.
 *
 * Two sales at one shop, one chip, one token. Each option of the loop in `init` is one thing that may happen, in one
 * step; it can be taken only when it changes something. What is said on the network stays said: the bits `yes`, `no`,
 * `reversal`, `undone` are never cleared, so a message may come late, twice or never.
 *
 *   -DTIER=0|1|4            the attacker; default 0
 *   -DFAULTS=n              time-outs; default 1
 *   -DSTATIC_TOKEN_AT_POS   the issuer wants no cryptogram beside the token       (without TAP-7)
 *   -DATC_UNCHECKED         the issuer does not remember the counter              (without TAP-3)
 *   -DLIVENESS_BEFORE_DEBIT the issuer does not judge card and token at the debit (without TAP-9)
 *   -DOFFLINE_APPROVE       the shop's terminal approves by itself                (without TAP-10)
 *   -DTOKEN_OUTLIVES_CARD   the issuer does not judge the card at the debit (without MNG-5)
 *   -DENTRY_MODE_IGNORED    the issuer takes what was typed in                    (without TAP-8)
 *   -DLIMIT_UNCHECKED       the issuer judges no limit                            (without TAP-9)
 *   -DREVERSAL_ONCE         the shop's terminal sends a reversal once             (without TAP-11)
 *   -DPLAIN                 assertions without names, for a search breadth first
 */
#ifndef TIER
#define TIER 0
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#define COUNTERS 3
#define LIMIT 2

#ifdef STATIC_TOKEN_AT_POS
#define NEEDS_CRYPTOGRAM false
#define TAKES_TYPED true
#else
#define NEEDS_CRYPTOGRAM true
#ifdef ENTRY_MODE_IGNORED
#define TAKES_TYPED true
#else
#define TAKES_TYPED false
#endif
#endif
#ifdef ATC_UNCHECKED
#define COUNTS false
#else
#define COUNTS true
#endif
#if defined(LIVENESS_BEFORE_DEBIT)
#define DEAD false
#elif defined(TOKEN_OUTLIVES_CARD)
#define DEAD (life == suspended)
#else
#define DEAD (life != live)
#endif
#ifdef LIMIT_UNCHECKED
#define LIMITS false
#else
#define LIMITS true
#endif
#ifdef REVERSAL_ONCE
#define LOSES_REVERSAL true
#else
#define LOSES_REVERSAL false
#endif
#ifdef OFFLINE_APPROVE
#define ON_CARD approving
#else
#define ON_CARD asking
#endif

/* What the shop's terminal does. */
mtype = { idle, asking, reversing, approving, declining };
/* "States of a tap at the issuer". */
mtype = { unheard, approved, declined, reversed, tombstoned };
/* Card and token, as the bank's desk and the user leave them. */
mtype = { live, suspended, lost };
/* "States of a payment in the chip", at rest. */
mtype = { no_payment, cryptogram_given };

/* What a terminal was given: nothing, the cryptogram with that counter, or the number of the token and no cryptogram. */
#define NOTHING 0
#define NUMBER_ALONE 4

/* The chip: its counter is durable, the payment is not. What each cryptogram covers stands at its counter. */
byte atc = 0;
mtype payment = no_payment;
byte covered_amount[4] = 0;
byte covered_number[4] = 0;

/* The sales. */
mtype pos[2] = idle;
byte amount[2] = 1;
byte number[2] = 1;
byte given[2] = NOTHING;

/* The issuer. */
mtype life = live;
byte last = 0;
mtype record[2] = unheard;

/* The network, for each sale: 0110 with yes, 0110 with no, 0400, 0410. */
bit yes[2] = 0;
bit no[2] = 0;
bit reversal[2] = 0;
bit undone[2] = 0;

/* What may still go wrong, and what the desk may still do. */
byte timeouts_left = FAULTS;
bit change_left = 1;

/* The sale, and 1, that a relay carried to a chip far away; it does so once. */
byte relayed = 0;

/* History. */
byte approvals[4] = 0;
bit unsigned_approval = 0;
bit dead_approval = 0;
bit typed_approval = 0;
bit large_approval = 0;
bit unmeant_approval = 0;
bit overtaken = 0;
bit replay_refused = 0;
bit forgery_refused = 0;

#define MADE(c) (covered_amount[c] != 0)
#define COVERS(c, s) (covered_amount[c] == amount[s] && covered_number[c] == number[s])
#define HOLDS(s) (given[s] != NUMBER_ALONE && COVERS(given[s], s))

/* The properties: each an assertion under its own name, in every state that is reached; p41 where everything ends. */
#ifdef PLAIN
#define CLAIM(name, what) assert(what)
#else
hidden byte p30, p36, p37, p38, p39, p40, p41, th2;
#define CLAIM(name, what) name = (what); assert(name)
#endif

inline look() {
    CLAIM(p30, !typed_approval);
    CLAIM(p36, !dead_approval);
    CLAIM(p37, !unsigned_approval);
    CLAIM(p38, (pos[0] != approving || record[0] == approved) && (pos[1] != approving || record[1] == approved));
    CLAIM(p39, approvals[1] <= 1 && approvals[2] <= 1 && approvals[3] <= 1);
    CLAIM(p40, !large_approval);
    CLAIM(th2, !unsigned_approval && !typed_approval && !large_approval && !unmeant_approval)
}

/* The shop and the issuer end with the same: paid, or not. */
#define RESOLVED(s) (pos[s] != reversing \
    && (pos[s] != approving || record[s] == approved) && (pos[s] != declining || record[s] != approved))
inline look_at_end() {
    CLAIM(p41, RESOLVED(0) && RESOLVED(1))
}

/* SELECT, GET PROCESSING OPTIONS (TAP-4: the counter is stored first), GENERATE AC. The token in the chip is active. */
#define CAN_SIGN (atc < COUNTERS)
inline sign(a, n) {
    atc++;
    payment = cryptogram_given;
    covered_amount[atc] = a;
    covered_number[atc] = n;
    look()
}

/* A cryptogram is held to a terminal that waits for a card. Without an attacker the chip answers the terminal that asked
 * it, and an answer goes to one terminal only. */
#define CAN_GIVE(s, c) (pos[s] == idle && MADE(c) && (TIER >= 1 || (COVERS(c, s) && given[1 - s] != c)))
inline give(s, what) {
    given[s] = what;
    pos[s] = ON_CARD;
    look()
}

/* A relay carries the sale to the chip and the answer back; the holder is not there. */
#define CAN_RELAY(s) (TIER >= 4 && !relayed && CAN_SIGN && pos[s] == idle)
inline relay(s) {
    atc++;
    payment = cryptogram_given;
    covered_amount[atc] = amount[s];
    covered_number[atc] = number[s];
    given[s] = atc;
    pos[s] = ON_CARD;
    relayed = s + 1;
    look()
}

/* The 0100 comes to the issuer. By rank: the record (59), card and token (62, 64), the cryptogram (67), the counter (69),
 * the limit (70). */
#define CAN_ARRIVE(s) (given[s] != NOTHING && (record[s] == unheard || (record[s] == tombstoned && !(no[s] && overtaken))))
inline decline(s) {
    record[s] = declined;
    no[s] = 1
}
inline approve(s) {
    record[s] = approved;
    yes[s] = 1;
    if
    :: life != live -> dead_approval = 1
    :: else
    fi;
    if
    :: !HOLDS(s) -> unsigned_approval = 1
    :: else
    fi;
    if
    :: amount[s] > LIMIT -> large_approval = 1
    :: else
    fi;
    if
    :: relayed == s + 1 -> unmeant_approval = 1
    :: else
    fi;
    if
    :: given[s] != NUMBER_ALONE ->
        approvals[given[s]] = (approvals[given[s]] == 2 -> 2 : approvals[given[s]] + 1)
    :: else
    fi
}
/* The counter of a cryptogram that holds is used up, whatever becomes of the payment. */
inline count(s) {
    if
    :: given[s] != NUMBER_ALONE -> last = (given[s] > last -> given[s] : last)
    :: else
    fi
}
inline arrive(s) {
    if
    :: record[s] == tombstoned ->
        no[s] = 1;
        overtaken = 1
    :: record[s] == unheard && DEAD ->
        decline(s)
    :: record[s] == unheard && !DEAD ->
        if
        :: !HOLDS(s) && NEEDS_CRYPTOGRAM ->
            forgery_refused = 1;
            decline(s)
        :: !(!HOLDS(s) && NEEDS_CRYPTOGRAM) && COUNTS && given[s] != NUMBER_ALONE && given[s] <= last ->
            replay_refused = 1;
            decline(s)
        :: else ->
            count(s);
            if
            :: LIMITS && amount[s] > LIMIT -> decline(s)
            :: else -> approve(s)
            fi
        fi
    fi;
    look()
}

/* What the chip answered to this shop is typed in at another: TAP-8. No message of this shop's, and no record here. */
#define CAN_TYPE(c) (TIER >= 1 && MADE(c) && !DEAD && (TAKES_TYPED -> c > last : !forgery_refused))
inline type_in(c) {
    if
    :: TAKES_TYPED ->
        last = c;
        if
        :: covered_amount[c] <= LIMIT -> typed_approval = 1
        :: else
        fi
    :: else ->
        forgery_refused = 1
    fi;
    look()
}

/* The 0400 comes to the issuer; the same answer again when it comes again. */
#define CAN_REVERSE(s) (reversal[s] && !(undone[s] && (record[s] == reversed || record[s] == tombstoned)))
inline reverse(s) {
    if
    :: record[s] == approved -> record[s] = reversed
    :: record[s] == unheard || record[s] == declined -> record[s] = tombstoned
    :: else
    fi;
    undone[s] = 1;
    look()
}

#define OF_THE_CHIP(s) \
    :: d_step { CAN_SIGN -> sign(amount[s], number[s]) } \
    :: d_step { TIER >= 1 && CAN_SIGN -> sign((amount[s] == 1 -> 2 : 1), number[s]) }

#define OF_THE_FIELD(s) \
    :: d_step { CAN_GIVE(s, 1) -> give(s, 1) } \
    :: d_step { CAN_GIVE(s, 2) -> give(s, 2) } \
    :: d_step { CAN_GIVE(s, 3) -> give(s, 3) } \
    :: d_step { TIER >= 1 && pos[s] == idle -> give(s, NUMBER_ALONE) } \
    :: d_step { CAN_RELAY(s) -> relay(s) }

#define OF_THE_SALE(s) \
    :: d_step { CAN_ARRIVE(s) -> arrive(s) } \
    :: d_step { yes[s] && pos[s] == asking -> pos[s] = approving; look() } \
    :: d_step { no[s] && pos[s] == asking -> pos[s] = declining; look() } \
    :: d_step { timeouts_left > 0 && pos[s] == asking -> \
                timeouts_left--; pos[s] = reversing; reversal[s] = 1; look() } \
    :: d_step { TIER >= 4 && pos[s] == asking -> pos[s] = approving; look() } \
    :: d_step { CAN_REVERSE(s) -> reverse(s) } \
    :: d_step { LOSES_REVERSAL && reversal[s] -> reversal[s] = 0; look() } \
    :: d_step { undone[s] && pos[s] == reversing -> pos[s] = declining; look() }

init {
    /* A second sale of its own, one whose terminal draws the number of the first again, or one above the limit. */
    if
    :: d_step { amount[1] = 2; number[1] = 2; look() }
    :: d_step { amount[1] = 1; number[1] = 1; look() }
    :: d_step { amount[1] = LIMIT + 1; number[1] = 2; look() }
    fi;
end:
    do
    OF_THE_CHIP(0)
    OF_THE_CHIP(1)
    /* Power fails between the counter and the answer. */
    :: d_step { CAN_SIGN -> atc++; payment = no_payment; look() }
    OF_THE_FIELD(0)
    OF_THE_FIELD(1)
    :: d_step { CAN_TYPE(1) -> type_in(1) }
    :: d_step { CAN_TYPE(2) -> type_in(2) }
    :: d_step { CAN_TYPE(3) -> type_in(3) }
    OF_THE_SALE(0)
    OF_THE_SALE(1)
    :: d_step { change_left -> change_left = 0; life = suspended; look() }
    :: d_step { change_left -> change_left = 0; life = lost; look() }
    :: d_step { else -> look_at_end() }
    od
}
