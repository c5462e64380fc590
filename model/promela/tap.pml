/* The tap, written from spec/75-tap.md, 80-manage.md, 85-apdu.md and 95-refusals.md.
 *
 * Two sales at one shop, one chip, one token; or, in the fourth beginning, a token with a PIN at a terminal that wants PIN,
 * issuer's proof and both cryptograms of it, with power cuts, and no sale; or, in the fifth, a token that the issuer suspends,
 * resumes and deletes in its chip, with power cuts, and a terminal that asks it to pay. Each option of the loop in `init` is one thing that may happen, in one
 * step; it can be taken only when it changes something. What is said on the network stays said: the bits `yes`, `no`,
 * `reversal`, `undone` are never cleared, so a message may come late, twice or never.
 *
 *   -DTIER=0|1|4            the attacker; default 0
 *   -DFAULTS=n              time-outs, and power cuts in the last two beginnings; default 1
 *   -DSTATIC_TOKEN_AT_POS   the issuer wants no cryptogram beside the token       (without TAP-7)
 *   -DATC_UNCHECKED         the issuer does not remember the counter              (without TAP-3)
 *   -DLIVENESS_BEFORE_DEBIT the issuer does not judge card and token at the debit (without TAP-9)
 *   -DOFFLINE_APPROVE       the shop's terminal approves by itself                (without TAP-10)
 *   -DTOKEN_OUTLIVES_CARD   the issuer does not judge the card at the debit (without MNG-5)
 *   -DENTRY_MODE_IGNORED    the issuer takes what was typed in                    (without TAP-8)
 *   -DLIMIT_UNCHECKED       the issuer judges no limit                            (without TAP-9)
 *   -DREVERSAL_ONCE         the shop's terminal sends a reversal once             (without TAP-11)
 *   -DWRITE_IN_PLACE        the chip writes one thing after the other             (without PRO-5)
 *   -DCOUNTED_AFTER         the chip compares or answers, then writes             (without APD-11, PRO-6)
 *   -DPROOF_IGNORED         the chip approves whatever the issuer says            (without APD-13)
 *   -DSUSPENDED_PAYS        the chip pays with a suspended token                  (without MNG-9)
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

#ifdef WRITE_IN_PLACE
#define IN_PLACE true
#else
#define IN_PLACE false
#endif
#ifdef COUNTED_AFTER
#define AFTER true
#else
#define AFTER false
#endif
#ifdef PROOF_IGNORED
#define OBEYS false
#else
#define OBEYS true
#endif
#ifdef SUSPENDED_PAYS
#define ONLY_ACTIVE false
#else
#define ONLY_ACTIVE true
#endif
#define PIN_TRIES_MAX 3
#define CHALLENGES 3

/* What the shop's terminal does. */
mtype = { idle, asking, reversing, approving, declining };
/* "States of a tap at the issuer". */
mtype = { unheard, approved, declined, reversed, tombstoned };
/* Card and token, as the bank's desk and the user leave them. */
mtype = { live, suspended, lost };
/* "States of a payment in the chip": a sale leaves the chip at rest in two of them. */
mtype = { no_payment, started, cryptogram_given, ended };
/* What the chip was told in the issuer's name. */
mtype = { no_proof, approving_proof, declining_proof, wrong_proof };
/* The state of the token in the chip is `live`, `suspended` or `gone`; what is selected there, with the channel. */
mtype = { gone, nothing_selected, challenged, channel_open, channel_over, slot_selected };

/* What a terminal was given: nothing, the cryptogram with that counter, or the number of the token and no cryptogram. */
#define NOTHING 0
#define NUMBER_ALONE 4

/* The chip: its counter is durable, the payment is not. What each cryptogram covers stands at its counter. */
byte atc = 0;
mtype payment = no_payment;
byte covered_amount[4] = 0;
byte covered_number[4] = 0;

/* The token with a PIN. Durable are the tries used up, the cryptograms given for the present counter and the last counter
 * that ended online. History: wrong PINs compared since the last right one (4: more than three), cryptograms of the present
 * counter that were answered, an approval against the issuer. */
bit with_pin = 0;
unsigned used_up : 2 = 0;
unsigned marked : 2 = 0;
unsigned ended_online : 2 = 0;
mtype proof = no_proof;
unsigned tears_left : 3 = 0;
unsigned wrong_pins : 3 = 0;
unsigned answered : 2 = 0;
bit against_issuer = 0;

/* The token that is managed. Durable are its state and its keys, the number of challenges and the wrong openings in a row.
 * History: the last challenge that was answered, wrong openings that were answered since a right one was taken, the last that the chip said of
 * its token, and that it was asked to pay after that and did not, or did. */
bit is_managed = 0;
mtype slot = live;
bit has_keys = 1;
unsigned challenges : 2 = 0;
unsigned openings_failed : 2 = 0;
mtype at = nothing_selected;
unsigned heard_challenge : 2 = 0;
unsigned heard_failed : 2 = 0;
mtype said = live;
bit kept_word = 0;
bit broke_word = 0;

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
hidden byte p22, p30, p36, p37, p38, p39, p40, p41, p47, p48, p49, th2;
#define CLAIM(name, what) name = (what); assert(name)
#endif

/* What the chip answered it has stored; what is deleted has no keys, and what has none is deleted. */
#define STORED (challenges >= heard_challenge && openings_failed >= heard_failed && has_keys == (slot != gone) \
    && (said != gone || slot == gone) && (said != suspended || slot != live))

inline look() {
    CLAIM(p30, !typed_approval);
    CLAIM(p36, !dead_approval);
    CLAIM(p37, !unsigned_approval);
    CLAIM(p38, (pos[0] != approving || record[0] == approved) && (pos[1] != approving || record[1] == approved));
    CLAIM(p39, approvals[1] <= 1 && approvals[2] <= 1 && approvals[3] <= 1);
    CLAIM(p40, !large_approval);
    CLAIM(p22, marked >= answered && ((marked == 2) == (atc > 0 && ended_online == atc)) && STORED);
    CLAIM(p47, wrong_pins <= PIN_TRIES_MAX);
    CLAIM(p48, !against_issuer);
    CLAIM(p49, !broke_word);
    CLAIM(th2, !unsigned_approval && !typed_approval && !large_approval && !unmeant_approval)
}

/* The shop and the issuer end with the same: paid, or not. */
#define RESOLVED(s) (pos[s] != reversing \
    && (pos[s] != approving || record[s] == approved) && (pos[s] != declining || record[s] != approved))
inline look_at_end() {
    CLAIM(p41, RESOLVED(0) && RESOLVED(1))
}

/* SELECT, GET PROCESSING OPTIONS (TAP-4: the counter is stored first), GENERATE AC. The token in the chip is active. */
#define CAN_SIGN (!with_pin && !is_managed && atc < COUNTERS)
inline sign(a, n) {
    atc++;
    payment = cryptogram_given;
    covered_amount[atc] = a;
    covered_number[atc] = n;
    look()
}

/* A cryptogram is held to a terminal that waits for a card. Without an attacker the chip answers the terminal that asked
 * it, and an answer goes to one terminal only. */
#define WAITS(s) (!with_pin && !is_managed && pos[s] == idle)
#define CAN_GIVE(s, c) (WAITS(s) && MADE(c) && (TIER >= 1 || (COVERS(c, s) && given[1 - s] != c)))
inline give(s, what) {
    given[s] = what;
    pos[s] = ON_CARD;
    look()
}

/* A relay carries the sale to the chip and the answer back; the holder is not there. */
#define CAN_RELAY(s) (TIER >= 4 && !relayed && CAN_SIGN && WAITS(s))
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

/* The token with a PIN. What a command writes is one write, before its answer (PRO-5, PRO-6), and a PIN's try before the
 * comparison (APD-11); a right PIN gives the tries back in a second write. Power may fail wherever something has happened
 * and something is still to happen; what is volatile is then gone (APD-4). */
inline power_fails() {
    tears_left--;
    payment = no_payment;
    proof = no_proof;
    look()
}

/* SELECT, GET PROCESSING OPTIONS: the counter is increased, and nothing is given for it. */
#define CAN_START (with_pin && atc < COUNTERS)
#define CUTS (with_pin && tears_left > 0)
inline count_up() {
    atc++;
    answered = 0
}
inline start() {
    count_up();
    marked = 0;
    payment = started;
    proof = no_proof;
    look()
}

/* VERIFY: APD-11. */
#define CAN_VERIFY (with_pin && payment == started && used_up < PIN_TRIES_MAX)
inline compare_wrong() {
    wrong_pins = (wrong_pins > PIN_TRIES_MAX -> wrong_pins : wrong_pins + 1)
}
inline wrong_pin() {
    used_up++;
    compare_wrong();
    look()
}
inline right_pin() {
    used_up = 0;
    wrong_pins = 0;
    look()
}

/* GENERATE AC, the first: TAP-5. EXTERNAL AUTHENTICATE, once. GENERATE AC, the second, which is the end of the payment
 * online; it is an approval unless the issuer declines or its proof is wrong: APD-13. */
#define CAN_REQUEST (with_pin && payment == started)
#define CAN_PROVE (with_pin && payment == cryptogram_given && proof == no_proof)
#define CAN_END (with_pin && payment == cryptogram_given)
inline request() {
    marked = 1;
    answered = 1;
    payment = cryptogram_given;
    look()
}
inline mark_end() {
    marked = 2;
    ended_online = atc
}
inline answer_end() {
    answered = 2;
    if
    :: !OBEYS && (proof == declining_proof || proof == wrong_proof) -> against_issuer = 1
    :: else
    fi
}
inline end_online() {
    mark_end();
    answer_end();
    payment = ended;
    look()
}

#define WITH_A_PIN \
    :: d_step { CAN_START -> start() } \
    :: d_step { CAN_VERIFY -> wrong_pin() } \
    :: d_step { CAN_VERIFY && (used_up > 0 || wrong_pins > 0) -> right_pin() } \
    :: d_step { CAN_REQUEST -> request() } \
    :: d_step { CAN_PROVE -> proof = approving_proof; look() } \
    :: d_step { CAN_PROVE -> proof = declining_proof; look() } \
    :: d_step { TIER >= 1 && CAN_PROVE -> proof = wrong_proof; look() } \
    :: d_step { CAN_END -> end_online() } \
    :: d_step { CUTS && payment != no_payment -> power_fails() }

/* Between write and answer. */
#define CUT_OFF \
    :: d_step { CUTS && CAN_START && !AFTER -> count_up(); marked = 0; power_fails() } \
    :: d_step { CUTS && CAN_REQUEST && !AFTER -> marked = 1; power_fails() } \
    :: d_step { CUTS && CAN_END && !AFTER -> mark_end(); power_fails() }

/* Between the write of a try and the comparison; behind the comparison; behind the write that gives the tries back. */
#define CUT_OFF_PIN \
    :: d_step { CUTS && CAN_VERIFY && !AFTER -> used_up++; power_fails() } \
    :: d_step { CUTS && CAN_VERIFY && !AFTER -> used_up++; compare_wrong(); power_fails() } \
    :: d_step { CUTS && CAN_VERIFY && !AFTER -> used_up++; power_fails() } \
    :: d_step { CUTS && CAN_VERIFY && !AFTER -> used_up++; wrong_pins = 0; power_fails() } \
    :: d_step { CUTS && CAN_VERIFY && !AFTER -> used_up = 0; wrong_pins = 0; power_fails() }

/* A chip that writes in place, between the first thing and the second. */
#define CUT_IN_PLACE \
    :: d_step { IN_PLACE && CUTS && CAN_START -> count_up(); power_fails() } \
    :: d_step { IN_PLACE && CUTS && CAN_END -> marked = 2; power_fails() }

/* A chip that writes afterwards, between comparison or answer and write; and behind the write of a PIN. */
#define CUT_TOO_EARLY \
    :: d_step { AFTER && CUTS && CAN_START -> power_fails() } \
    :: d_step { AFTER && CUTS && CAN_REQUEST -> answered = 1; power_fails() } \
    :: d_step { AFTER && CUTS && CAN_END -> answer_end(); power_fails() } \
    :: d_step { AFTER && CUTS && CAN_VERIFY -> compare_wrong(); power_fails() } \
    :: d_step { AFTER && CUTS && CAN_VERIFY -> used_up++; compare_wrong(); power_fails() } \
    :: d_step { AFTER && CUTS && CAN_VERIFY -> wrong_pins = 0; power_fails() } \
    :: d_step { AFTER && CUTS && CAN_VERIFY -> used_up = 0; wrong_pins = 0; power_fails() }

/* The token that is managed. Every write is one write, before its answer (PRO-3, PRO-4, PRO-5, MNG-8); SELECT ends a channel
 * and a payment (APD-4). */
#define MANAGES(what) (is_managed && (what))
#define TEARS(what) (tears_left > 0 && MANAGES(what))
inline managed_power_fails() {
    tears_left--;
    at = nothing_selected;
    payment = no_payment;
    look()
}

/* SELECT of the security domain and INITIALIZE UPDATE: PRO-3. */
#define CAN_CHALLENGE (challenges < CHALLENGES)
inline challenge() {
    challenges++;
    heard_challenge = challenges;
    at = challenged;
    payment = no_payment;
    look()
}

/* EXTERNAL AUTHENTICATE. A wrong one is counted (PRO-4) and ends the challenge; a right one begins the count again. */
#define CAN_OPEN (at == challenged)
inline open_channel() {
    openings_failed = 0;
    heard_failed = 0;
    at = channel_open;
    look()
}
inline fail_channel() {
    openings_failed++;
    heard_failed++;
    at = channel_over;
    look()
}

/* SUSPEND, RESUME, DELETE over the channel. The word that a token does not pay stands until RESUME is taken. */
#define CAN_SUSPEND (at == channel_open && slot == live)
#define CAN_RESUME (at == channel_open && slot == suspended)
#define CAN_DELETE (at == channel_open && slot != gone)
inline wipe() {
    slot = gone;
    has_keys = 0
}

/* SELECT of the slot, GET PROCESSING OPTIONS, GENERATE AC: TAP-6, MNG-9. A deleted slot is not found, and what was selected
 * stays; a suspended one is selected with a warning. */
#define PAYS (slot == live || (slot == suspended && !ONLY_ACTIVE))
#define CAN_ASK (slot == gone \
    -> (said != live && !kept_word) \
    : at != slot_selected || (PAYS && payment == no_payment) || (said != live && (PAYS -> !broke_word : !kept_word)))
inline ask_to_pay() {
    if
    :: slot != gone ->
        at = slot_selected;
        payment = (PAYS -> cryptogram_given : no_payment)
    :: else
    fi;
    if
    :: said != live && PAYS -> broke_word = 1
    :: said != live && !PAYS -> kept_word = 1
    :: else
    fi;
    look()
}

#define MANAGED \
    :: d_step { MANAGES(CAN_CHALLENGE) -> challenge() } \
    :: d_step { MANAGES(CAN_OPEN) -> open_channel() } \
    :: d_step { TIER >= 1 && MANAGES(CAN_OPEN) -> fail_channel() } \
    :: d_step { MANAGES(CAN_SUSPEND) -> slot = suspended; said = suspended; look() } \
    :: d_step { MANAGES(CAN_RESUME) -> slot = live; said = live; look() } \
    :: d_step { MANAGES(CAN_DELETE) -> wipe(); said = gone; look() } \
    :: d_step { MANAGES(CAN_ASK) -> ask_to_pay() } \
    :: d_step { TEARS(at != nothing_selected) -> managed_power_fails() }

/* Between write and answer. */
#define MANAGED_CUT_OFF \
    :: d_step { !AFTER && TEARS(CAN_CHALLENGE) -> challenges++; managed_power_fails() } \
    :: d_step { !AFTER && TEARS(CAN_OPEN) -> openings_failed = 0; heard_failed = 0; managed_power_fails() } \
    :: d_step { !AFTER && TIER >= 1 && TEARS(CAN_OPEN) -> openings_failed++; managed_power_fails() } \
    :: d_step { !AFTER && TEARS(CAN_SUSPEND) -> slot = suspended; managed_power_fails() } \
    :: d_step { !AFTER && TEARS(CAN_RESUME) -> slot = live; said = live; managed_power_fails() } \
    :: d_step { !AFTER && TEARS(CAN_DELETE) -> wipe(); managed_power_fails() }

/* A chip that writes in place, between the state and the keys. */
#define MANAGED_CUT_IN_PLACE \
    :: d_step { IN_PLACE && TEARS(CAN_DELETE) -> slot = gone; managed_power_fails() }

/* A chip that writes afterwards, between answer and write. */
#define MANAGED_CUT_TOO_EARLY \
    :: d_step { AFTER && TEARS(CAN_CHALLENGE) -> heard_challenge = challenges + 1; managed_power_fails() } \
    :: d_step { AFTER && TEARS(CAN_OPEN) -> heard_failed = 0; managed_power_fails() } \
    :: d_step { AFTER && TIER >= 1 && TEARS(CAN_OPEN) -> heard_failed++; managed_power_fails() } \
    :: d_step { AFTER && TEARS(CAN_SUSPEND) -> said = suspended; managed_power_fails() } \
    :: d_step { AFTER && TEARS(CAN_RESUME) -> said = live; managed_power_fails() } \
    :: d_step { AFTER && TEARS(CAN_DELETE) -> said = gone; managed_power_fails() }

#define OF_THE_CHIP(s) \
    :: d_step { CAN_SIGN -> sign(amount[s], number[s]) } \
    :: d_step { TIER >= 1 && CAN_SIGN -> sign((amount[s] == 1 -> 2 : 1), number[s]) }

#define OF_THE_FIELD(s) \
    :: d_step { CAN_GIVE(s, 1) -> give(s, 1) } \
    :: d_step { CAN_GIVE(s, 2) -> give(s, 2) } \
    :: d_step { CAN_GIVE(s, 3) -> give(s, 3) } \
    :: d_step { TIER >= 1 && WAITS(s) -> give(s, NUMBER_ALONE) } \
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
    /* A second sale of its own, one whose terminal draws the number of the first again, or one above the limit; or none. */
    if
    :: d_step { amount[1] = 2; number[1] = 2; look() }
    :: d_step { amount[1] = 1; number[1] = 1; look() }
    :: d_step { amount[1] = LIMIT + 1; number[1] = 2; look() }
    :: d_step { with_pin = 1; tears_left = FAULTS; timeouts_left = 0; change_left = 0; look() }
    :: d_step { is_managed = 1; tears_left = FAULTS; timeouts_left = 0; change_left = 0; look() }
    fi;
end:
    do
    OF_THE_CHIP(0)
    OF_THE_CHIP(1)
    /* Power fails between the counter and the answer. */
    :: d_step { CAN_SIGN -> atc++; payment = no_payment; look() }
    WITH_A_PIN
    CUT_OFF
    CUT_OFF_PIN
    CUT_IN_PLACE
    CUT_TOO_EARLY
    MANAGED
    MANAGED_CUT_OFF
    MANAGED_CUT_IN_PLACE
    MANAGED_CUT_TOO_EARLY
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
