"""The batch lane: calls of all graphs, sent through the Batch API of their endpoint at half the price.

A call in the lane takes the same path as any other (`runtime.calling`), but for its request: instead of a
slot and a POST of its own it is a line of a file, and waits until the endpoint has worked on the file.

1. `stage` makes the attempts of one call. It reserves budget at the price of a batch, holds no slot, and
   tells no time limit but the deadline.
2. `lane` (one in each event loop) gathers calls by endpoint, model and account, until nothing new has come
   for a moment, or a file is full. Calls of a run with a deadline have files of their own, as they may be
   taken back in time.
3. `ledger` says what of that is known already, and writes down what is not, before anything is sent. It is an
   SQLite file that all processes of the user share. It holds digests of requests, and answers; no prompts.
4. `flight` is one batch: it uploads the file, creates the batch, polls it, reads what it has answered, and
   hands each line to the call that waits for it. `client` makes its requests, with the HTTP client and the
   headers of the model, and `files` writes and reads the lines.
5. `spill` says when calls that a deadline ends have to go live: each in its own time. The batch is cancelled
   only if nobody else waits for it. What it answers all the same is in `late`, and in the report.

**Nothing is paid for twice.** The identity of a request is a digest of endpoint, account, model and body, of
who asks (thread and branch), and a number: the same asker may ask the same again, and identical voters never
share an answer. Before a batch is created, the ledger notes that it will be; the batch carries the ledger's
id in its metadata. So whoever finds a batch in that state, after a lost connection or in a later process,
looks for the id in the endpoint's list of batches, for as long as the creation may be under way. If it is not
there, the uploaded file is deleted before a new one is uploaded: a creation that arrives later finds no file.
If it has found one, the list has two batches after the next creation, and one is cancelled. A call that is
sent again, since nothing could be learned of its batch, is the same request, and finds the batch in the
ledger.

**Who owns what.** A lane holds a lock on a small file for as long as its process lives (`owners`). A request
belongs to the run that waits for it, and a batch to the lane that works on it. What belongs to a lane that is
gone is free for whoever asks the same again. Two processes on one ledger, or two runs of one process, that
ask the same at the same time are two askers: each gets a number of its own.

**What a run leaves behind.** When the outermost run returns, and was not drained, its answers are deleted.
After a kill, a cancellation, a drain or an interrupt they stay, for whoever asks the same again; after a week
they are deleted. Nothing cancels a batch but a spill and the user (`langgraph-parallel batches --cancel`):
what is submitted is likely to be paid for, so that it is kept to be collected. Without a checkpointer, the
same command started again finds its answers, since a branch has the same path in each run.
"""
