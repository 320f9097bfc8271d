// Package schedules is the periodic tasks of a program as schedules of EventBridge Scheduler.
package schedules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/coretasks/core/internal/timetable"
	"github.com/coretasks/core/tasks"
)

// A Spec is what one schedule of EventBridge must be, without what depends on the account: ARNs, role and group. A
// periodic task needs one, or several where no single expression says when it is due.
type Spec struct {
	// Name is the schedule's in its group, 1 to 64 characters: the task's name where that is short enough and needs one
	// schedule, otherwise one with a hash in it. It depends on the task's name and the number of the expression only.
	Name string
	// Task and Queue are the names in the code, without a prefix.
	Task, Queue string
	// Expression is cron(...), to be evaluated in Zone, or rate(...).
	Expression string
	// Zone is a name of the IANA time zone database.
	Zone string
	// Period is that of a rate, whose StartDate must be a multiple of it since the Unix epoch; 0 for cron.
	Period time.Duration
	// From and Until bound the schedule; a zero time is no bound.
	From, Until time.Time
	// FlexibleWindow is how late EventBridge may fire; 0 is not at all.
	FlexibleWindow time.Duration
	// MaxEventAge and Retries bound EventBridge's retries to put a tick's message on the queue.
	MaxEventAge time.Duration
	Retries     int
	// Messages is what each firing puts on the queue, one to ten.
	Messages []Message
	// Description says for people what the schedule is: the task and when it is due, as written.
	Description string
}

// A Message is one job of a firing.
type Message struct {
	// Delay is SQS's DelaySeconds.
	Delay time.Duration
	// Body is the job's envelope, in which EventBridge replaces "<aws.scheduler.scheduled-time>" by the time of the tick.
	Body string
}

// scheduledTime is what EventBridge Scheduler replaces in a target's Input ("Adding context attributes").
const scheduledTime = "<aws.scheduler.scheduled-time>"

// Limits of EventBridge Scheduler.
const (
	maxName        = 64 // "CreateSchedule"
	maxDescription = 512
)

// Specs compiles the periodic tasks of a registry, by name.
func Specs(r *tasks.Registry) ([]Spec, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	var specs []Spec
	for _, task := range r.Tasks() {
		info := task.Info()
		if info.Schedule == nil {
			continue
		}
		rules := info.Schedule.Rules()
		for i, rule := range rules {
			spec, err := compile(info, rule)
			if err != nil {
				return nil, err
			}
			spec.Name = scheduleName(info.Name, i, len(rules))
			specs = append(specs, spec)
		}
	}
	return specs, nil
}

func compile(info tasks.Info, rule tasks.ScheduleRule) (Spec, error) {
	s := info.Schedule
	spec := Spec{
		Task: info.Name, Queue: info.Queue,
		Expression: rule.Expression, Zone: s.Location.String(), Period: rule.Period,
		From: s.From, Until: s.Until, FlexibleWindow: s.FlexibleWindow,
		MaxEventAge: s.MaxEventAge, Retries: s.FireRetries,
	}
	spec.Description = description("Task " + info.Name + ", " + s.String())
	offsets := rule.Offsets
	if offsets == nil {
		offsets = []time.Duration{0}
	}
	for _, offset := range offsets {
		body, err := envelope(info.Name+"@"+scheduledTime+timetable.OffsetSuffix(offset), info.Name)
		if err != nil {
			return Spec{}, fmt.Errorf("task %q: %w", info.Name, err)
		}
		spec.Messages = append(spec.Messages, Message{Delay: offset, Body: body})
	}
	return spec, nil
}

// description keeps a text to what a schedule's description can have.
func description(text string) string { return text[:min(len(text), maxDescription)] }

// envelope is a job as docs/wire-format.md has it, with EventBridge's placeholder for its times. tasks.Envelope can't
// hold one: its times are times.
func envelope(id, task string) (string, error) {
	return compact(struct {
		Version    int             `json:"v"`
		ID         string          `json:"id"`
		Task       string          `json:"task"`
		Params     json.RawMessage `json:"params"`
		EnqueuedAt string          `json:"enqueued_at"`
	}{tasks.EnvelopeVersion, id, task, json.RawMessage("{}"), scheduledTime})
}

// compact is json.Marshal without the escapes for HTML, which would hide the placeholder from EventBridge.
func compact(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// scheduleName names the schedule of a task's rule number i of n: by the task's name where it fits and one schedule is
// enough, otherwise by "_", 16 digits of a hash of both, "_" and what fits of the task's name. No task's name begins with
// "_", so the two kinds can't meet.
func scheduleName(task string, i, n int) string {
	if n == 1 && len(task) <= maxName {
		return task
	}
	sum := sha256.Sum256([]byte(task + "#" + strconv.Itoa(i)))
	name := "_" + hex.EncodeToString(sum[:8]) + "_" + task
	return name[:min(len(name), maxName)]
}

// Batch reports whether the schedule needs the universal target sqs:SendMessageBatch; otherwise the templated target of
// SQS does.
func (s Spec) Batch() bool { return len(s.Messages) != 1 || s.Messages[0].Delay != 0 }

// Input is the target's Input for the queue of that URL.
func (s Spec) Input(queueURL string) (string, error) {
	if !s.Batch() {
		return s.Messages[0].Body, nil
	}
	type entry struct {
		ID           string `json:"Id"`
		MessageBody  string
		DelaySeconds int
	}
	request := struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []entry
	}{QueueURL: queueURL}
	for i, m := range s.Messages {
		request.Entries = append(request.Entries, entry{strconv.Itoa(i), m.Body, int(m.Delay / time.Second)})
	}
	return compact(request)
}

// DeadLetterQueue is where EventBridge puts what it could not put on the task's queue: that queue's own dead-letter queue,
// which is watched anyway, and from which a message with one job can be redriven. Name it without a prefix.
func (s Spec) DeadLetterQueue() string { return s.Queue + "-dlq" }

// Start is the StartDate to create or replace the schedule with at the given instant, or the zero time where it needs
// none. A rate starts at the first multiple of its period that is not before then and From, so that its ticks are those
// of every other scheduler. A cron expression needs a start only while From is ahead; it is the second before the first
// minute that counts, since EventBridge's documentation leaves open whether the instant itself does.
func (s Spec) Start(now time.Time) time.Time {
	if s.Period > 0 {
		earliest := now
		if s.From.After(now) {
			earliest = s.From
		}
		return ceil(earliest, s.Period)
	}
	if start := s.secondBefore(s.From); start.After(now) {
		return start
	}
	return time.Time{}
}

// End is the EndDate, or the zero time where there is none: the second before the first minute in which nothing is due
// any more.
func (s Spec) End() time.Time { return s.secondBefore(s.Until) }

func (s Spec) secondBefore(bound time.Time) time.Time {
	if bound.IsZero() {
		return time.Time{}
	}
	return ceil(bound, time.Minute).Add(-time.Second)
}

// Over reports whether nothing is due any more at the given instant, so that the schedule is not needed. EventBridge
// refuses to create one that has ended.
func (s Spec) Over(now time.Time) bool {
	end := s.End()
	return !end.IsZero() && (!end.After(now) || !end.After(s.Start(now)))
}

// ceil returns the first multiple of d since the Unix epoch that is not before t.
func ceil(t time.Time, d time.Duration) time.Time {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	period := int64(d / time.Second)
	rest := seconds % period
	if rest < 0 {
		rest += period
	}
	if rest > 0 {
		seconds += period - rest
	}
	return time.Unix(seconds, 0).UTC()
}
