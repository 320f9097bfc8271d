package tasks

import (
	"encoding/json"
	"time"
)

// A Verdict is what must be done with a delivered message.
type Verdict int

const (
	// Done: the job is finished; delete the message.
	Done Verdict = iota
	// Retry: make the message visible again after Outcome.Delay.
	Retry
	// Dead: put the message into the dead-letter queue with Outcome.Reason and Outcome.Err, and only then delete it.
	Dead
	// Postpone: the job is not due for Outcome.Delay, or another message of it is being worked; send it again with that
	// delay, or as much of it as the queue allows, and only then delete the message.
	Postpone
	// GiveBack: the attempt was interrupted, through no fault of the job; make the message visible now.
	GiveBack
)

func (v Verdict) String() string {
	return [...]string{"done", "retry", "dead", "postpone", "give back"}[v]
}

// A Reason says why a job is dead-lettered, or what a retry is for.
type Reason string

// The reasons that a dead letter carries. A message that SQS's redrive policy moved, because its worker was killed over
// and over, carries none.
const (
	ReasonPermanent   Reason = "permanent"    // the task said that no retry can help
	ReasonExhausted   Reason = "exhausted"    // it failed on its last attempt
	ReasonTimeout     Reason = "timeout"      // its last attempt exceeded the timeout
	ReasonPanic       Reason = "panic"        // its last attempt panicked
	ReasonUnknownTask Reason = "unknown-task" // no worker that received it knows the task
	ReasonMalformed   Reason = "malformed"    // the body is no envelope, or its parameters are not the task's
)

// An Outcome is the fate of one delivery.
type Outcome struct {
	Verdict Verdict
	// Delay is how long to wait, for Retry and Postpone.
	Delay time.Duration
	// Reason is set for Dead and Retry.
	Reason Reason
	// Err is the failure, for Dead, Retry and GiveBack: the error that the function returned. Its methods may panic;
	// [Outcome.ErrorText] is its text.
	Err error
	// Attempt says which job it was; its ID is empty where the message was malformed and its ID can't be read.
	Attempt Attempt
	// Result is what the function returned, for Done.
	Result any
	// ResultJSON is the result as JSON, for Done where there is a recorder; nil where ResultErr says why it can't be.
	ResultJSON json.RawMessage
	ResultErr  error
	// Cancelled means that the job was cancelled while it ran: done, without a result.
	Cancelled bool
	// Skipped means that the function was not called: the record says that the job is finished, or runs.
	Skipped bool
	// Elapsed is how long the function ran.
	Elapsed time.Duration
	// Abandoned means that the function still runs: it ignored its cancelled context for the grace period.
	Abandoned bool

	text string // of Err
}

// ErrorText returns what the failure says, or "" where there is none: valid UTF-8 of at most 8 KiB. It was taken
// once, when the attempt ended, and runs no code of the task's author.
func (o Outcome) ErrorText() string {
	if o.text == "" && o.Err != nil {
		return failureOf(o.Err).text // an outcome that no executor made
	}
	return o.text
}
