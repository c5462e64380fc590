/* Provisioning, written from spec/60-provision.md, 40-issue.md, 80-manage.md, 85-apdu.md and 95-refusals.md.
 *
 * One issued token, the chip of its request and, for an attacker with a phone of its own, another chip. Each option of
 * the loop in `init` is one thing that may happen, in one step; it can be taken only when it changes something, so that
 * its `else` is the end of everything. What is said on the network stays said: openings, answers, scripts and receipts
 * may come late, twice, at the other chip or never.
 *
 *   -DTIER=0|1|2|5              the attacker; default 0. 5 is the verifier itself
 *   -DFAULTS=n                  tears, and openings but one; default 1
 *   -DACTIVATE_WITHOUT_RECEIPT  a token is born active                     (without ISS-13, PRO-8)
 *   -DWRITE_IN_PLACE            a torn write leaves a part                 (without PRO-5)
 *   -DSCRIPT_UNAUTHENTICATED    the chip takes scripts from anybody        (without PRO-2, PRO-15)
 *   -DSECOND_CHIP               the issuer writes to any chip              (without PRO-10)
 *   -DNO_COMPENSATION           the issuer undoes nothing                  (without ISS-19)
 *   -DCOMPENSATION_ONCE         the verifier asks the issuer once to undo      (without ISS-19)
 *   -DISSUE_IN_TWO_STEPS        nothing: no other step comes between           (without ISS-12)
 *   -DTEAR_MAY_WRITE            the other outcome of a tear: see README.md
 *   -DPLAIN                     assertions without names, for a search breadth first
 */
#ifndef TIER
#define TIER 0
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#if TIER >= 2
#define CHIPS 2
#else
#define CHIPS 1
#endif
#define CHALLENGES 3
#define TRIES_MAX 10

#ifdef ACTIVATE_WITHOUT_RECEIPT
#define BORN activated
#else
#define BORN inactive
#endif
#ifdef WRITE_IN_PLACE
#define IN_PLACE true
#else
#define IN_PLACE false
#endif
#ifdef SCRIPT_UNAUTHENTICATED
#define ANYBODY true
#else
#define ANYBODY false
#endif
#ifdef SECOND_CHIP
#define ANY_CHIP true
#else
#define ANY_CHIP false
#endif
#ifdef NO_COMPENSATION
#define UNDOES false
#else
#define UNDOES true
#endif

#if defined(COMPENSATION_ONCE) || TIER >= 5
#define FORGETS true
#else
#define FORGETS false
#endif

/* Token, card and agreement at the issuer are made, and undone, together (ISS-12, ISS-19). */
mtype = { not_minted, inactive, activated, deleted };
mtype = { no_card, card_live, card_closed };
/* The personalisation session at the issuer. */
mtype = { no_session, opened, scripted };
/* The request at the verifier. */
mtype = { await_issue, await_provision, done, cancelled };
/* "States of a slot". Only a chip that writes in place has a part of one. */
mtype = { free, part, staged, holding };
/* The secure channel of a chip; all of it is gone by SELECT and reset. */
mtype = { unselected, closed, challenged, open };

/* The issuer. `opening` numbers its openings; `opened_for` is the chip that the latest names. */
mtype token = not_minted;
mtype card = no_card;
mtype session = no_session;
byte opening = 0;
byte opened_for = 0;

/* The verifier. */
mtype phase = await_issue;
bit owed = 0;

/* The chips: slot, failed openings and the count of challenges are durable; channel and first block are not. */
mtype slot[2] = free;
byte tries[2] = 0;
byte sequence[2] = 0;
mtype channel[2] = unselected;
bit block[2] = 0;

/* The relay's place in the script that it plays to a chip. */
byte place[2] = 0;

/* What was said: the opening that challenge n of a chip answers, at 4 * chip + n; that there is a script made for that
 * challenge; that the chip's receipt was heard. */
byte answered[8] = 0;
bit script[8] = 0;
bit receipt[2] = 0;

/* What may still go wrong. */
byte openings_left = FAULTS + 1;
byte tears_left = FAULTS;
bit loss_left = 1;

/* History: the issuer saw the receipt; power failed; an attacker was refused; the chip has what the issuer wrote for it;
 * the chip kept a script whole. */
bit proved = 0;
bit torn = 0;
bit repelled = 0;
bit authentic[2] = 0;
bit kept[2] = 0;

/* The properties: each an assertion under its own name, in every state that is reached; p25, p45 and th4 where everything
 * ends. */
#ifdef PLAIN
#define CLAIM(name, what) assert(what)
#else
hidden byte p21, p22, p23, p24, p25, p45, th4;
#define CLAIM(name, what) name = (what); assert(name)
#endif

#define HELD(i) (slot[i] == holding)
inline look() {
    CLAIM(p21, token != activated || proved);
    CLAIM(p22, slot[0] != part && slot[1] != part);
    CLAIM(p23, (!HELD(0) || authentic[0]) && (!HELD(1) || authentic[1]));
    CLAIM(p24, !(HELD(0) && HELD(1)))
}

/* All that lives is of one piece, or nothing lives. The agreement goes the way of the card. */
#define COMPLETE (token == activated && card == card_live && HELD(0) && phase == done)
#define UNDONE ((token == not_minted || token == deleted) && card != card_live)
#define SETTLED (COMPLETE || UNDONE)

/* Verifier and issuer see the same token. */
#define ONE_VIEW ((phase != done || token == activated) && (phase != cancelled || token != activated))

inline look_at_end() {
    CLAIM(p25, SETTLED);
    CLAIM(p45, ONE_VIEW);
    CLAIM(th4, SETTLED && ONE_VIEW)
}

/* The verifier hears that the token is active. A cancelled request stays so. */
inline told() {
    if
    :: phase == await_provision -> phase = done
    :: else
    fi
}

/* ISS-12: card, agreement, token, in one transaction; then the verifier binds (BND-1). */
inline mint() {
    card = card_live;
    token = BORN;
    phase = await_provision;
    look()
}

/* The terminal starts, or starts again: step 1, PRO-12. The issuer opens for the chip of the request (PRO-10). */
#define CAN_START (phase == await_provision && openings_left > 0)
#define OPEN_FOR(i) opening++; opened_for = i
inline start(i) {
    openings_left--;
    if
    :: i != 0 && !ANY_CHIP -> repelled = 1
    :: !(i != 0 && !ANY_CHIP) && token == inactive -> session = opened; OPEN_FOR(i)
    :: !(i != 0 && !ANY_CHIP) && token == activated && i == 0 -> told()
    :: !(i != 0 && !ANY_CHIP) && token == activated && i != 0 -> OPEN_FOR(i)
    fi;
    look()
}

/* SELECT and INITIALIZE UPDATE: PRO-3. */
#define CAN_OPEN(i) (opening > 0 && sequence[i] < CHALLENGES && tries[i] < TRIES_MAX)
inline initialize(i) {
    sequence[i]++;
    answered[4 * i + sequence[i]] = opening;
    channel[i] = challenged;
    block[i] = 0;
    place[i] = 0;
    look()
}

/* A chip's answers come to the issuer, with its receipt when it has one: steps 2 and 3. They fit when they answer the
 * latest opening and come from the chip that it was for. A round that does not fit ends the session. */
#define FITS(i, n) (answered[4 * i + n] == opening && opened_for == i)
#define WRITES_AGAIN(i, n) (i != 0 && token == activated && FITS(i, n))
#define CAN_ANSWER(i, n) (answered[4 * i + n] > 0 && ( \
    (token == inactive && session != no_session) \
    || (token == activated && (phase == await_provision || (FITS(i, n) && receipt[i] && !proved))) \
    || (WRITES_AGAIN(i, n) && !script[4 * i + n])))
inline answer(i, n) {
    if
    :: WRITES_AGAIN(i, n) -> script[4 * i + n] = 1
    :: else
    fi;
    if
    :: token == inactive && session == opened && FITS(i, n) && !receipt[i] ->
        session = scripted;
        script[4 * i + n] = 1
    :: token == inactive && session == opened && FITS(i, n) && receipt[i] ->
        session = no_session;
        token = activated;
        proved = 1;
        told()
    :: token == inactive && !(session == opened && FITS(i, n)) ->
        session = no_session
    :: token == activated ->
        if
        :: FITS(i, n) && receipt[i] -> proved = 1
        :: else
        fi;
        told()
    fi;
    look()
}

/* What a command does to a chip. `ends` is an answer after which the channel or the challenge is over. */
inline ends(i) {
    channel[i] = (channel[i] == unselected -> unselected : closed);
    block[i] = 0
}
inline power_off(i) {
    channel[i] = unselected;
    block[i] = 0;
    place[i] = 0
}
/* What a chip without authentication takes from anybody. */
inline believe(i) {
    slot[i] = holding;
    kept[i] = 1
}

/* The next command of the script made for challenge n: EXTERNAL AUTHENTICATE, STORE DATA, STORE DATA (last), COMMIT. */
#define PLAYS(i, n) (script[4 * i + n] && place[i] < 4)
#define CAN_PLAY(i, n) (PLAYS(i, n) && n == sequence[i] && !( \
    place[i] == 0 && channel[i] != challenged && channel[i] != open && !block[i]))
inline play(i) {
    if
    :: place[i] == 0 && channel[i] == challenged ->
        channel[i] = open;
        tries[i] = 0;
        place[i] = 1
    :: place[i] == 0 && channel[i] != challenged ->
        ends(i)
    :: place[i] == 1 && channel[i] == open && !block[i] ->
        block[i] = 1;
        place[i] = 2
    :: place[i] == 1 && channel[i] == open && block[i] ->
        block[i] = 0;
        place[i] = 0
    :: place[i] == 2 && channel[i] == open && block[i] && slot[i] != holding ->
        block[i] = 0;
        slot[i] = staged;
        kept[i] = 1;
        authentic[i] = 1;
        place[i] = 3
    :: place[i] == 2 && channel[i] == open && block[i] && slot[i] == holding ->
        block[i] = 0;
        place[i] = 0
    :: place[i] == 2 && channel[i] == open && !block[i] ->
        place[i] = 0
    :: place[i] == 3 && channel[i] == open && slot[i] == staged ->
        slot[i] = holding;
        receipt[i] = 1;
        place[i] = 4
    :: place[i] == 3 && channel[i] == open && slot[i] != staged ->
        place[i] = 0
    :: place[i] > 0 && channel[i] != open ->
        if
        :: ANYBODY && place[i] < 3 ->
            believe(i);
            place[i]++
        :: else ->
            ends(i);
            place[i] = 0
        fi
    fi;
    look()
}

/* The same of an earlier challenge: PRO-15. */
#define CAN_REPLAY(i, n) (PLAYS(i, n) && n < sequence[i] && \
    (!repelled || channel[i] == challenged || channel[i] == open || place[i] > 0))
inline replay(i) {
    if
    :: place[i] > 0 && ANYBODY ->
        believe(i);
        place[i]++
    :: place[i] == 0 && channel[i] == challenged ->
        tries[i]++;
        ends(i);
        repelled = 1
    :: else ->
        ends(i);
        place[i] = 0;
        repelled = 1
    fi;
    look()
}

/* Power fails inside the write of the last STORE DATA or of COMMIT: PRO-5. The old is left, and TEAR_MAY_WRITE takes the
 * new as well. */
#define CAN_TEAR(i, n) (tears_left > 0 && PLAYS(i, n) && n == sequence[i] && channel[i] == open \
    && ((place[i] == 2 && block[i]) || (place[i] == 3 && slot[i] == staged)))
inline tear(i) {
    tears_left--;
    torn = 1;
    if
    :: IN_PLACE && (place[i] == 3 || slot[i] == free) -> slot[i] = part
    :: else
    fi;
    power_off(i);
    look()
}
inline tear_new(i) {
    tears_left--;
    torn = 1;
    if
    :: place[i] == 3 -> slot[i] = holding
    :: place[i] == 2 && slot[i] != holding ->
        slot[i] = staged;
        kept[i] = 1;
        authentic[i] = 1
    :: else
    fi;
    power_off(i);
    look()
}

/* Power fails between two commands: APD-4. */
#define CAN_CUT(i) (tears_left > 0 && channel[i] != unselected)
inline cut(i) {
    tears_left--;
    torn = 1;
    power_off(i);
    look()
}

/* A receipt comes to the issuer: step 6, PRO-8. It holds for the chip of the request when the session is with it. */
#define CAN_RECEIPT(i) (receipt[i] && ((token == inactive && session != no_session) \
    || (token == activated && (phase == await_provision || (i == 0 && opened_for == 0 && !proved)))))
#define CAN_RECEIPT_UNHEARD(i) (receipt[i] && loss_left)
inline take_receipt(i) {
    if
    :: token == inactive && session == scripted && i == 0 && opened_for == 0 ->
        session = no_session;
        token = activated;
        proved = 1
    :: token == inactive && !(session == scripted && i == 0 && opened_for == 0) ->
        session = no_session
    :: token == activated && i == 0 && opened_for == 0 ->
        proved = 1
    :: else
    fi
}
inline hear_receipt(i) {
    take_receipt(i);
    if
    :: token == activated -> told()
    :: else
    fi;
    look()
}
inline lose_answer(i) {
    loss_left = 0;
    take_receipt(i);
    look()
}

/* STORE DATA of an attacker's own, outside the channel: PRO-2, APD-7. */
#define BELIEVES(i) (ANYBODY && channel[i] != open)
#define CAN_FORGE(i) (BELIEVES(i) \
    -> slot[i] != holding || !kept[i] \
    : !repelled || place[i] > 0 || channel[i] == challenged || channel[i] == open)
inline refuse_attacker(i) {
    ends(i);
    place[i] = 0;
    repelled = 1
}
inline forge(i) {
    if
    :: BELIEVES(i) ->
        authentic[i] = (slot[i] == holding -> authentic[i] : 0);
        believe(i)
    :: else ->
        refuse_attacker(i)
    fi;
    look()
}

/* A byte of a command is changed on the way: APD-6. */
#define CAN_GARBLE(i) (!repelled || place[i] > 0 || channel[i] == challenged || channel[i] == open)
inline garble(i) {
    refuse_attacker(i);
    look()
}

#ifdef TEAR_MAY_WRITE
#define TEARS(i, n) \
    :: d_step { MINTED(i) && CAN_TEAR(i, n) -> tear(i) } \
    :: d_step { MINTED(i) && CAN_TEAR(i, n) -> tear_new(i) }
#else
#define TEARS(i, n) \
    :: d_step { MINTED(i) && CAN_TEAR(i, n) -> tear(i) }
#endif

#define MINTED(i) (token != not_minted && i < CHIPS)

#define OF_THE_CHALLENGE(i, n) \
    :: d_step { MINTED(i) && CAN_ANSWER(i, n) -> answer(i, n) } \
    :: d_step { MINTED(i) && CAN_PLAY(i, n) -> play(i) } \
    :: d_step { MINTED(i) && CAN_REPLAY(i, n) -> replay(i) } \
    TEARS(i, n)

#define OF_THE_CHIP(i) \
    :: d_step { MINTED(i) && CAN_START -> start(i) } \
    :: d_step { MINTED(i) && CAN_OPEN(i) -> initialize(i) } \
    OF_THE_CHALLENGE(i, 1) \
    OF_THE_CHALLENGE(i, 2) \
    OF_THE_CHALLENGE(i, 3) \
    :: d_step { MINTED(i) && CAN_CUT(i) -> cut(i) } \
    :: d_step { MINTED(i) && HELD(i) && !receipt[i] -> receipt[i] = 1; look() } \
    :: d_step { MINTED(i) && CAN_RECEIPT(i) -> hear_receipt(i) } \
    :: d_step { MINTED(i) && CAN_RECEIPT_UNHEARD(i) -> lose_answer(i) } \
    :: d_step { TIER >= 1 && MINTED(i) && CAN_FORGE(i) -> forge(i) } \
    :: d_step { TIER >= 1 && MINTED(i) && CAN_GARBLE(i) -> garble(i) }

init {
end:
    do
    :: d_step { token == not_minted -> mint() }
    OF_THE_CHIP(0)
    OF_THE_CHIP(1)
    /* The terminal asks what became of it. */
    :: d_step { phase == await_provision && token == activated -> told(); look() }
    :: d_step { phase == await_provision -> phase = cancelled; owed = 1; look() }
    /* ISS-19. */
    :: d_step { owed ->
        owed = 0;
        if
        :: UNDOES -> token = deleted; card = card_closed; session = no_session
        :: else
        fi;
        look() }
    /* A verifier that does not ask again, or does not want to. */
    :: d_step { FORGETS && owed -> owed = 0; look() }
    :: d_step { else -> look_at_end() }
    od
}
