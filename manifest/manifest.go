// Package manifest is what the world around a program must be for its tasks: queues, tasks and schedules as data, for
// infrastructure as code. 'core manifest' prints it, and the Terraform modules of infra/terraform read it.
//
// Names are those of the code, without the prefix that keeps environments apart; ARNs, regions and runtimes belong to
// whoever deploys. docs/manifest.schema.json describes the JSON.
package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

// Version is the version of the format that this package writes, and the only one that it reads. It changes when a
// reader of the old one would get something wrong; a member that may be ignored is no new version.
const Version = 1

// QueueURL stands in the input of a schedule where the URL of its queue belongs.
const QueueURL = "{{queue_url}}"

// A Manifest is what a program's tasks need. Its lists are sorted by name.
type Manifest struct {
	Version   int        `json:"version"`
	Queues    []Queue    `json:"queues"`
	Tasks     []Task     `json:"tasks"`
	Schedules []Schedule `json:"schedules"`
}

// A Queue is an SQS queue with its dead-letter queue.
type Queue struct {
	Name              string  `json:"name"`
	VisibilityTimeout Seconds `json:"visibility_timeout_seconds"`
	MaxReceiveCount   int     `json:"max_receive_count"`
	Retention         Seconds `json:"retention_seconds"`
	// DeadLetterRetention is that of the dead-letter queue.
	DeadLetterRetention Seconds `json:"dead_letter_retention_seconds"`
	// LambdaTimeout is the timeout of the Lambda function that works the queue; 0 where the code names none.
	LambdaTimeout Seconds `json:"lambda_timeout_seconds,omitzero"`
}

// A Task is a function on a queue.
type Task struct {
	Name       string  `json:"name"`
	Queue      string  `json:"queue"`
	MaxRetries int     `json:"max_retries"`
	RetryDelay Seconds `json:"retry_delay_seconds"`
	// Timeout is the limit of one attempt; 0 is none.
	Timeout Seconds `json:"timeout_seconds"`
}

// The targets of a schedule.
const (
	// SendMessage is EventBridge Scheduler's templated target of SQS: the queue itself.
	SendMessage = "sqs:SendMessage"
	// SendMessageBatch is its universal target of that name.
	SendMessageBatch = "sqs:SendMessageBatch"
)

// A Schedule is one schedule of EventBridge Scheduler.
type Schedule struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Task        string `json:"task"`
	Queue       string `json:"queue"`
	Expression  string `json:"expression"`
	TimeZone    string `json:"time_zone"`
	// Period is that of a rate, whose start must be a multiple of it since the Unix epoch; 0 for cron.
	Period Seconds `json:"period_seconds"`
	// Start is the StartDate while that is ahead, and End the EndDate; zero where the task sets no bound. A rate whose
	// start is past or not set starts at any multiple of its period.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// FlexibleWindow is how late EventBridge may fire; 0 is not at all.
	FlexibleWindow int     `json:"flexible_window_minutes"`
	MaxEventAge    Seconds `json:"max_event_age_seconds"`
	MaxRetries     int     `json:"max_retry_attempts"`
	// Target is SendMessage or SendMessageBatch.
	Target string `json:"target"`
	// Input is the target's; in that of SendMessageBatch, QueueURL stands for the queue's URL.
	Input string `json:"input"`
}

// Seconds is a duration, in JSON a number of seconds.
type Seconds time.Duration

// MarshalJSON writes whole seconds as an integer.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// maxSeconds is a hundred years: more than any setting, and little enough for a time.Duration.
const maxSeconds = 100 * 365 * 24 * 60 * 60

// UnmarshalJSON reads a number of 0 or more.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	var n *float64
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	if n == nil || *n < 0 || *n > maxSeconds {
		return fmt.Errorf("%s is no number of seconds", data)
	}
	*s = Seconds(time.Duration(*n * float64(time.Second)).Round(time.Microsecond))
	return nil
}

// Of returns the manifest of a program's tasks. The error is the registry's own.
func Of(r *tasks.Registry) (Manifest, error) {
	specs, err := schedules.Specs(r)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Version: Version, Queues: []Queue{}, Tasks: []Task{}, Schedules: []Schedule{}}
	for _, q := range r.Queues() {
		m.Queues = append(m.Queues, Queue{
			Name: q.Name, VisibilityTimeout: Seconds(q.QueueVisibility()), MaxReceiveCount: q.MaxReceiveCount,
			Retention: Seconds(q.Retention), DeadLetterRetention: Seconds(q.DeadLetterRetention),
			LambdaTimeout: Seconds(q.LambdaTimeout),
		})
	}
	for _, task := range r.Tasks() {
		info := task.Info()
		m.Tasks = append(m.Tasks, Task{
			Name: info.Name, Queue: info.Queue,
			MaxRetries: info.MaxRetries, RetryDelay: Seconds(info.RetryDelay), Timeout: Seconds(info.Timeout),
		})
	}
	for _, spec := range specs {
		s, err := schedule(spec)
		if err != nil {
			return Manifest{}, err
		}
		m.Schedules = append(m.Schedules, s)
	}
	slices.SortFunc(m.Schedules, func(a, b Schedule) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

func schedule(spec schedules.Spec) (Schedule, error) {
	input, err := spec.Input(QueueURL)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", spec.Name, err)
	}
	target := SendMessage
	if spec.Batch() {
		target = SendMessageBatch
	}
	var start time.Time
	if !spec.From.IsZero() {
		start = spec.Start(time.Time{}) // as it is before anything
	}
	return Schedule{
		Name: spec.Name, Description: spec.Description, Task: spec.Task, Queue: spec.Queue,
		Expression: spec.Expression, TimeZone: spec.Zone, Period: Seconds(spec.Period),
		Start: start, End: spec.End(),
		FlexibleWindow: int(spec.FlexibleWindow / time.Minute), MaxEventAge: Seconds(spec.MaxEventAge), MaxRetries: spec.Retries,
		Target: target, Input: input,
	}, nil
}

// Encode returns the manifest as JSON, one member a line so that changes can be reviewed.
func (m Manifest) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return buf.Bytes(), nil
}
