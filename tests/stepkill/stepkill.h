/* SPDX-License-Identifier: MIT */
/*
 * Step-kill: SIGKILL at every instruction that matters, and what is left for the
 * others.
 *
 * The model.  A *scenario* (scenario.c) is one operation in one prepared state.
 * A *job* (job.c) is one process that makes a fresh channel in that state, forks
 * a *victim*, single-steps it (trace.c) to one *kill point* inside the operation,
 * kills it, and lets *survivors* (survive.c) show that all is well.  stepkill.c
 * runs a job for each kill point and judges them together.
 *
 * Why the kill points are enough.  When a process is killed, its own memory goes;
 * what others can notice is the segment, what the kernel holds for it (descriptors,
 * locks, its name), and its list of robust mutexes, which the kernel walks.  So a
 * kill point is each change of the segment, each system call (before, after, and
 * asleep in it) and each change of that list: between two of these, every
 * instruction is the same death.  For the short operations we kill at every
 * instruction all the same, and trust no such argument.
 */
#ifndef STEPKILL_H
#define STEPKILL_H

#include "channel/channel.h"
#include "support/clock.h"

#include <limits.h>
#include <stdnoreturn.h>

#define BOUND (2 * SECOND)     /* within which survivors go on */
#define PATIENCE (60 * SECOND) /* of a survivor's call: more than the bound */

/* The ring that is used, and the usual message: 15 of them fill it. */
#define CAPACITY 4096u
#define USUAL 240u
#define FULL 15

/* ---- the board: memory that a job shares with its children ---- */

/* The sender of a message. */
enum who {
	PREPARER,
	VICTIM,
	CONTENDER, /* and the next ones */
	NEWCOMER = CONTENDER + 4,
	ROUSER,
	WHOS
};
#define NUMBERS 32 /* messages of each, 1... */

/* What is known of a message's sending. */
enum sending { NOT_SENT, ATTEMPTED, SENT, REFUSED };

/* A survivor that was there when the victim died. */
struct contender {
	unsigned role; /* CHAN_SEND or CHAN_RECV, 0 none */
	pid_t pid;
	_Atomic int ready; /* it has its endpoint */
	_Atomic int going; /* it is to do its call; -1: to leave */
	_Atomic int finished;
	int result;
	int64_t when; /* it finished */
};

struct board {
	_Atomic int done; /* the victim's operation */
	_Atomic int result;
	_Atomic int linger; /* contenders stay when they have finished: their end would ring */
	_Atomic int sending[WHOS][NUMBERS];
	_Atomic int got[WHOS][NUMBERS]; /* how often a survivor received it */
	struct contender contender[4];
};

/* ---- results: memory that a job shares with the runner ---- */

#define SNAPSHOT 2048

/*
 * The course of an operation, so that a later run need not step up to its kill
 * point.  It has stations: returns from system calls, asleep in between or not, and
 * from looks at the clock; and where the first lock is held, if others are to come
 * then.  A place is this instruction, when it is come to for the nth time since the
 * last station; 0 if that can't be said.
 */
#define PLACES 4096
#define STATIONS 400

struct course {
	unsigned points, stations;
	struct station {
		enum { CALL, SLEPT, CLOCK_READ, LOCK_HELD } kind;
		unsigned nth;
		uint64_t at; /* nth and at: not of system calls */
	} station[STATIONS];
	struct place {
		uint64_t at;
		unsigned stations, nth, changes;
	} place[PLACES];
};

struct result {
	_Atomic int token; /* held: CPU + 1 */
	_Atomic pid_t victim;
	const char *_Atomic doing;
	_Atomic unsigned progress; /* counts what it did */
	bool complete;		   /* the operation ended before the kill point */
	bool failed;
	bool skipping;	  /* on its way to a known place, without a step */
	bool astray;	  /* another way than the course: to be stepped */
	unsigned points;  /* kill points that were passed or used */
	unsigned changes; /* of these, those that others can see */
	struct course course;
	unsigned deaths, survivors;
	int64_t worst; /* recovery, ns */
	char why[400];
	char snapshot[SNAPSHOT]; /* the channel's state after recovery */
};

/* ---- scenarios (scenario.c) ---- */

/* How survivors look at a death. */
enum flow {
	ALONE,	 /* the victim was alone: the channel's exact state is looked at */
	ASLEEP,	 /* others sleep for what the operation brings them */
	LATE,	 /* others come to block beside the stopped victim */
	EARLY,	 /* others blocked on its lock before, and one takes it in between */
	CHAINED, /* alone; then the recoverer is killed at its every point, and the next */
	FLOWS
};
#define IN(flow) (1u << (flow))

/* What wakes a victim that sleeps. */
enum rouse { BY_NOBODY, BY_SENDING, BY_RECEIVING };

struct scenario {
	const char *name;
	unsigned flows;
	bool every; /* each instruction is a kill point */

	/* The channel before. */
	bool fresh; /* there is none */
	struct chan_options opt;
	unsigned fill;	  /* usual messages in it */
	unsigned advance; /* usual messages that have passed through it */
	bool closed;
	bool held;     /* a living process has leased the first two; it holds a broadcast */
	unsigned loop; /* in LATE, an event loop rests there, to receive or to send */
	bool second;   /* there is a second channel, which has a message when it is to wake */
	bool letters;  /* expired messages go there, and one goes; later, if it is not there yet */

	/* The victim. */
	unsigned roles; /* its endpoint; 0 none, unless setup opens it */
	void (*setup)(void);
	int (*operation)(void);
	int result;	 /* of the operation, unless in EARLY or LATE */
	unsigned length; /* of the messages that it sends; 0 usual */
	enum rouse rouse;
	bool (*meddle)(void); /* asked of the job after each change, until it did something */

	/* What may become of it. */
	unsigned states; /* states that the channel goes through, one after the other */
	unsigned sends;	 /* messages that it may send, all or none */
	unsigned eats;	 /* messages that may vanish with it */
	bool ends;	 /* it is an end of channel for the others */
	bool purges;	 /* a rendezvous sender may find its message purged */
	bool nameless;	 /* its name may go while others have it open */

	/* The others. */
	unsigned peers; /* roles that they may have; 0 both */
	unsigned with;	/* CHAN_SEND: a sender blocks before it begins, in LATE too */
};

extern const struct scenario scenarios[];
extern const unsigned n_scenarios;

/* The operation of a recoverer, for CHAINED. */
extern const struct scenario recoverers[];
extern const unsigned n_recoverers;

/* In the victim: be ready to do it, then do it. */
void scenario_ready(const struct scenario *s);

/* ---- tracing (trace.c) ---- */

struct trace {
	pid_t pid;
	bool every;
	unsigned target;		/* the kill point; 0 is before the first instruction */
	void (*on_lock)(unsigned side); /* the victim first holds this side's lock */
	void (*on_sleep)(void);		/* it first sleeps */
	bool (*on_change)(void);	/* it changed the segment; until true */

	const struct course *skip; /* if nothing has to be noticed on the way */

	unsigned points; /* passed, the target included */
	unsigned changes;
	struct course course;
	bool complete;
};

/* Fork a victim of `s` and stop it before its operation. */
void trace_start(struct trace *t, const struct scenario *s);

/* Step it to the target or to its operation's end, and leave it there. */
void trace_run(struct trace *t);

/* SIGKILL and reap. */
void trace_kill(struct trace *t);

/* Does process `pid` sleep in futex(2)? */
bool trace_asleep(pid_t pid);

/* Does it run, or would it if it had a CPU? */
bool trace_runnable(pid_t pid);

/* The job's own look at the segment: NULL if there is none (yet). */
struct layout *trace_segment(void);
void trace_forget_segment(void);

/* The memory that it has, from the system. */
uint64_t trace_memory(void);

/* A copy of it, and its return; nobody is attached then. */
struct image {
	unsigned char *bytes;
	size_t size;
};
void image_save(struct image *i);
void image_restore(const struct image *i);
void image_free(struct image *i);

/* ---- survivors (survive.c) ---- */

void message_make(unsigned char *buf, unsigned who, unsigned number, unsigned len);

/* Send message `number` of `who`, or receive one, and note it on the board. */
int note_send(chan_t *ch, unsigned who, unsigned number, unsigned len, int64_t timeout);
ssize_t note_recv(chan_t *ch, int64_t timeout);

/* Open as, within the bound. */
chan_t *survivor_open(unsigned flags);

/* Keep an endpoint (0: an observer) open, for what comes after the name is gone. */
void survivor_keep(unsigned roles);
void survivor_close(void);

/* Returns true if the channel is full before the operation, at its maximum if it grows. */
bool full_before(const struct scenario *s);

/* Start two for each of the roles; each opens its endpoint, and then waits. */
void contenders_make(unsigned roles);
/* Let them go on until `how_many` of each role do. */
void contenders_go(unsigned roles, unsigned how_many);
/* Wait until each that goes sleeps or is finished. */
void contenders_settle(void);

/* After the death: all contenders go on, by themselves if they can, else with a
 * newcomer's help. */
void contenders_go_on(const struct scenario *s, int64_t since);

/* Let an event loop rest on the channel; check that it would be woken; end it. */
void loop_rest(unsigned role);
void loop_wakes(const char *by);
void loop_end(void);

/* Returns true if a contender of that role has done its work. */
bool contender_finished(unsigned role);

/* The channel's state, after recovery, as text; "gone" if there is none.  That many
 * receivers are still there. */
void snapshot(char *ret, int64_t since, unsigned receivers);

/* Lease two messages, and after the death acknowledge them; of a broadcast, as a subscriber
 * that then receives all the others. */
void holder_take(const struct scenario *s);
void holder_ack(const struct scenario *s);

/* Let it acknowledge them before that, and then receive, as a subscriber that makes room. */
void holder_receive(const struct scenario *s);

/* Take what is in the channel, and check each message's fate. */
void take_stock(const struct scenario *s);

/* Check that those that wait now are woken, again and again. */
void still_wakes(const struct scenario *s);

/* Check that locks, endpoints, space and name are all back. */
void all_is_back(const struct scenario *s);

/* ---- the job (job.c) ---- */

extern struct board *board;
extern struct result *result;
extern char channel[64]; /* its name */
extern char second[72];	 /* the second one's */

noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void doing(const char *what); /* NULL: waiting for its turn */
void note_recovery(int64_t since);

/*
 * A stop-watch for a bound, looked at again and again.  What it measures is sleep:
 * that a process has work and gets no CPU is no fault of the code.  So long gaps between
 * two looks count as short (this process stood still, too), and time in which the
 * process that is waited for is `runnable` counts a thirtieth, for it might run for ever.
 */
struct watch {
	int64_t last, spent;
};
bool overdue(struct watch *w, int64_t bound, bool runnable);

/* The tokens, one for each CPU: a job works only with one, and on that CPU. */
extern int tokens[2];
void token_take(void);
void token_return(int token);

/* Run one job to its end, in this process.  `course` is from a run to the end
 * before, or NULL: it is stepped, and so are its recoverers. */
noreturn void job_run(const struct scenario *s, enum flow flow, bool every, unsigned point,
	const struct course *course);
extern bool full;

#endif
