package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/internal/jsontype"
)

// A Job is one enqueued call of a task.
type Job struct {
	// ID is made by the producer before it sends: a UUIDv7, unless [JobID] gave another.
	ID    string `json:"id"`
	Task  string `json:"task"`
	Queue string `json:"queue"`
}

// A Message is one job on its way to a queue.
type Message struct {
	Queue    string
	Envelope Envelope
	// Delay is how long the job must wait, 0 to [MaxCountdown].
	Delay time.Duration
}

// A Sender puts jobs on their queues. Package sqsqueue has the one for SQS, package taskstest one for tests.
type Sender interface {
	// Send returns when the queues have answered for each message: nil when all were accepted, otherwise one error for
	// each message in the order given, nil for those that were accepted. An error that matches [ErrUnknownOutcome] is for a
	// message that may have been accepted, any other for one that was not.
	Send(ctx context.Context, msgs []Message) []error
}

// Delay enqueues one job and returns as soon as the queue has accepted it; nothing is executed here. The error is an
// [*EnqueueError]: the job was refused, or, with [EnqueueError.Unknown], may be in the queue; it then has the job's ID, with
// which it can be enqueued again. Jobs run at least once; their order is not kept.
func (t *Task[P, R]) Delay(ctx context.Context, to Sender, params P, opts ...DelayOption) (Job, error) {
	raw, err := t.write(&params)
	if err != nil {
		return Job{}, &EnqueueError{Job: t.job(""), Err: err}
	}
	return t.delay(ctx, to, raw, opts)
}

// DelayMany enqueues one job for each element of params, in as few requests as the queue allows. The jobs come back in
// the order of params. When some could not be enqueued, the others were all the same, and the error is a [*BulkError]
// that names each that was not.
func (t *Task[P, R]) DelayMany(ctx context.Context, to Sender, params []P, opts ...DelayOption) ([]Job, error) {
	settings, err := delaySettingsOf(opts, len(params))
	if err != nil {
		return nil, &EnqueueError{Job: t.job(""), Err: err} // an option is wrong, and so for all of them
	}
	jobs := make([]Job, len(params))
	msgs := make([]Message, 0, len(params))
	at := make([]int, 0, len(params)) // the place in params of each message
	bulk := &BulkError{Total: len(params)}
	for i := range params {
		raw, err := t.write(&params[i])
		if err != nil {
			jobs[i] = t.job("")
			bulk.Items = append(bulk.Items, ItemError{Index: i, Err: &EnqueueError{Job: jobs[i], Err: err}})
			continue
		}
		msg, err := t.message(raw, settings)
		if err != nil {
			return nil, &EnqueueError{Job: t.job(""), Err: err} // the definition is wrong, and so for all of them
		}
		jobs[i] = t.job(msg.Envelope.ID)
		msgs, at = append(msgs, msg), append(at, i)
	}
	for k, err := range to.Send(ctx, msgs) {
		if err != nil && k < len(at) {
			i := at[k]
			bulk.Items = append(bulk.Items, ItemError{Index: i, Err: &EnqueueError{Job: jobs[i], Err: err}})
		}
	}
	if len(bulk.Items) > 0 {
		return jobs, bulk
	}
	return jobs, nil
}

// DelayJSON is [Task.Delay] with parameters given as JSON; see [AnyTask].
func (d *definition) DelayJSON(ctx context.Context, to Sender, params []byte, opts ...DelayOption) (Job, error) {
	if err := d.check(params); err != nil {
		return Job{}, err
	}
	return d.delay(ctx, to, bytes.TrimSpace(params), opts)
}

// write encodes the parameters that pointer points to.
func (d *definition) write(pointer any) (json.RawMessage, error) {
	raw, err := encodeValue(d.types.of(d).params, pointer)
	if text, ok := errors.AsType[*jsontype.TextError](err); ok {
		problem := jsontype.NotUTF8
		if text.Place == "" {
			problem = "the text " + problem
		}
		return nil, &ParamsError{Task: d.info.Name, Field: text.Place, Problem: problem}
	}
	if err != nil {
		return nil, fmt.Errorf("encode the parameters: %w", err)
	}
	return raw, nil
}

func (d *definition) delay(ctx context.Context, to Sender, params json.RawMessage, opts []DelayOption) (Job, error) {
	settings, err := delaySettingsOf(opts, 1)
	if err != nil {
		return Job{}, &EnqueueError{Job: d.job(""), Err: err}
	}
	msg, err := d.message(params, settings)
	if err != nil {
		return Job{}, &EnqueueError{Job: d.job(""), Err: err}
	}
	job := d.job(msg.Envelope.ID)
	if errs := to.Send(ctx, []Message{msg}); len(errs) > 0 && errs[0] != nil {
		return job, &EnqueueError{Job: job, Err: errs[0]}
	}
	return job, nil
}

func (d *definition) message(params json.RawMessage, s delaySettings) (Message, error) {
	if problems := d.wrong(); len(problems) > 0 {
		return Message{}, problems[0]
	}
	id := s.id
	if id == "" {
		made, err := uuid.NewV7()
		if err != nil {
			return Message{}, fmt.Errorf("make a job id: %w", err)
		}
		id = made.String()
	}
	return Message{
		Queue: d.info.Queue,
		Delay: s.countdown,
		Envelope: Envelope{
			Version:    EnvelopeVersion,
			ID:         id,
			Task:       d.info.Name,
			Params:     params,
			EnqueuedAt: time.Now().UTC().Truncate(time.Millisecond),
		},
	}, nil
}

func (d *definition) job(id string) Job {
	return Job{ID: id, Task: d.info.Name, Queue: d.info.Queue}
}
