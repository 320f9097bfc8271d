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
	// Name is the schedule's in its group: the task's name where that is short enough and one schedule is.
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
	maxName = 64 // "CreateSchedule"
	// StartMargin is how far ahead of its creation a schedule starts at least: EventBridge refuses a StartDate that is
	// more than five minutes old, and creating many schedules takes a while.
	StartMargin = time.Minute
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

// scheduleName names the schedule of a task's rule number i of n. A task's name may be longer than a schedule's, and a
// number behind it could be another task's name; then a part of a hash makes it unique.
func scheduleName(task string, i, n int) string {
	if n == 1 && len(task) <= maxName {
		return task
	}
	sum := sha256.Sum256([]byte(task + "#" + strconv.Itoa(i)))
	suffix := "-" + hex.EncodeToString(sum[:4])
	return task[:min(len(task), maxName-len(suffix))] + suffix
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

// Start is the StartDate to create or replace the schedule with at the given instant, or the zero time where it needs
// none. A rate starts at the first multiple of its period that is far enough ahead, so that its ticks are those of every other
// scheduler; a cron expression needs a start only while From is ahead.
func (s Spec) Start(now time.Time) time.Time {
	earliest := now.Add(StartMargin)
	if s.From.After(earliest) {
		earliest = s.From
	}
	if s.Period > 0 {
		period := int64(s.Period / time.Second)
		at := earliest.Unix()
		if earliest.Nanosecond() > 0 {
			at++
		}
		return time.Unix((at+period-1)/period*period, 0).UTC()
	}
	if s.From.After(now) {
		return s.From.UTC()
	}
	return time.Time{}
}
