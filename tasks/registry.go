package tasks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Registry holds the tasks of one program, and what their queues must be. It is made once, when the program starts,
// and not changed after.
type Registry struct {
	tasks      map[string]*definition
	queues     map[string]QueueSettings
	middleware []Middleware
	problems   []error
}

// NewRegistry collects the definitions of a program. It does not fail: what is wrong with them is told by [Registry.Err],
// which everything that works with a registry asks first.
func NewRegistry(definitions ...Definition) *Registry {
	r := &Registry{tasks: map[string]*definition{}, queues: map[string]QueueSettings{}}
	for i, d := range definitions {
		if d == nil || !d.defined() {
			r.problems = append(r.problems, fmt.Errorf("definition %d given to NewRegistry is nil", i+1))
			continue
		}
		d.register(r)
	}
	for name := range r.queues {
		if !r.serves(name) {
			r.problems = append(r.problems, &DefinitionError{Queue: name, Problem: "it has settings, but no task uses it"})
		}
	}
	return r
}

// Use adds middleware around every task, the first one outermost, and returns the registry.
func (r *Registry) Use(middleware ...Middleware) *Registry {
	for i, m := range middleware {
		if m == nil {
			r.problems = append(r.problems, fmt.Errorf("middleware %d given to Use is nil", i+1))
			continue
		}
		r.middleware = append(r.middleware, m)
	}
	return r
}

// Err joins all that is wrong with the definitions, each a [*DefinitionError], or is nil. A program must not start with
// a registry that has an error.
func (r *Registry) Err() error {
	problems := slices.Clone(r.problems)
	for _, name := range r.names() {
		d := r.tasks[name]
		problems = append(problems, d.types.of(d).problems...)
	}
	return errors.Join(problems...)
}

// Task returns the task of that name. The error wraps [ErrUnknownTask] and names the tasks that there are.
func (r *Registry) Task(name string) (AnyTask, error) {
	if d, ok := r.tasks[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("%w %q: this program has %s", ErrUnknownTask, name, listOf(r.names()))
}

// Tasks returns all tasks, by name.
func (r *Registry) Tasks() []AnyTask {
	all := make([]AnyTask, 0, len(r.tasks))
	for _, name := range r.names() {
		all = append(all, r.tasks[name])
	}
	return all
}

func (r *Registry) names() []string {
	names := make([]string, 0, len(r.tasks))
	for name := range r.tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (d *definition) register(r *Registry) {
	r.problems = append(r.problems, d.problems...)
	if _, taken := r.tasks[d.info.Name]; taken {
		r.problems = append(r.problems, &DefinitionError{Task: d.info.Name, Problem: "it is defined twice; names must be unique"})
		return
	}
	r.tasks[d.info.Name] = d
}

func (r *Registry) serves(queue string) bool {
	for _, d := range r.tasks {
		if d.info.Queue == queue {
			return true
		}
	}
	return false
}

// Defaults and limits of a queue's settings ("Amazon SQS queue parameters" and "Amazon SQS message quotas").
const (
	// DefaultVisibilityTimeout is how long a received message stays hidden from other workers unless it is extended,
	// and so how soon the jobs of a worker that was killed start elsewhere. Workers extend it while a job runs.
	DefaultVisibilityTimeout = time.Minute
	// DefaultRetention is how long a message waits before SQS drops it.
	DefaultRetention = 4 * 24 * time.Hour
	// DefaultDeadLetterRetention is SQS's longest, since a dead letter that the redrive policy moved keeps its age.
	DefaultDeadLetterRetention = MaxRetention

	MinVisibilityTimeout = 5 * time.Second // heartbeats need room for a slow answer and its retry
	MaxVisibilityTimeout = 12 * time.Hour
	MaxLambdaTimeout     = 15 * time.Minute
	MinRetention         = time.Minute
	MaxRetention         = 14 * 24 * time.Hour

	maxQueueName = 80 - len("-dlq")
)

// QueueSettings overrides what a queue is created with. Pass it to [NewRegistry] beside the tasks; zero fields keep their
// defaults.
type QueueSettings struct {
	Name string
	// VisibilityTimeout is 5 s to 12 h; the default is [DefaultVisibilityTimeout].
	VisibilityTimeout time.Duration
	// Retention is 1 minute to 14 days and less than DeadLetterRetention; the default is [DefaultRetention].
	Retention time.Duration
	// DeadLetterRetention is 1 minute to 14 days; the default is [DefaultDeadLetterRetention].
	DeadLetterRetention time.Duration
	// LambdaTimeout is the timeout of the Lambda function that works the queue, where one does: 1 s to 15 minutes. The
	// queue is then created with a visibility timeout that suits it; workers still hide messages for VisibilityTimeout.
	LambdaTimeout time.Duration
}

// LambdaVisibility is the visibility timeout that a queue needs whose messages a Lambda function works: six times the
// function's timeout, and the batching window ("Configuring an Amazon SQS event source").
func LambdaVisibility(timeout, window time.Duration) time.Duration { return 6*timeout + window }

// QueueVisibility is the visibility timeout that the queue is created with.
func (s QueueSettings) QueueVisibility() time.Duration {
	return max(s.VisibilityTimeout, LambdaVisibility(s.LambdaTimeout, 0))
}

func (s QueueSettings) defined() bool { return true }

func (s QueueSettings) register(r *Registry) {
	refuse := func(format string, args ...any) {
		r.problems = append(r.problems, &DefinitionError{Queue: s.Name, Problem: fmt.Sprintf(format, args...)})
	}
	if problem := checkQueueName(s.Name); problem != "" {
		refuse("the name %s", problem)
	}
	if _, taken := r.queues[s.Name]; taken {
		refuse("it has settings twice")
	}
	q := s.withDefaults()
	if q.VisibilityTimeout < MinVisibilityTimeout || q.VisibilityTimeout > MaxVisibilityTimeout {
		refuse("VisibilityTimeout %v is out of range: it must be %v to %v", q.VisibilityTimeout, MinVisibilityTimeout, MaxVisibilityTimeout)
	}
	if l := q.LambdaTimeout; l != 0 && (l < time.Second || l > MaxLambdaTimeout) {
		refuse("LambdaTimeout %v is out of range: it must be %v to %v", l, time.Second, MaxLambdaTimeout)
	}
	for what, d := range map[string]time.Duration{"Retention": q.Retention, "DeadLetterRetention": q.DeadLetterRetention} {
		if d < MinRetention || d > MaxRetention {
			refuse("%s %v is out of range: it must be %v to %v", what, d, MinRetention, MaxRetention)
		}
	}
	if q.Retention >= q.DeadLetterRetention {
		refuse("Retention %v must be shorter than DeadLetterRetention %v: a dead letter keeps its age, and would be dropped on arrival", q.Retention, q.DeadLetterRetention)
	}
	for what, d := range map[string]time.Duration{"VisibilityTimeout": q.VisibilityTimeout, "Retention": q.Retention, "DeadLetterRetention": q.DeadLetterRetention, "LambdaTimeout": q.LambdaTimeout} {
		if d%time.Second != 0 {
			refuse("%s %v must be whole seconds", what, d)
		}
	}
	r.queues[s.Name] = s
}

func (s QueueSettings) withDefaults() QueueSettings {
	if s.VisibilityTimeout == 0 {
		s.VisibilityTimeout = DefaultVisibilityTimeout
	}
	if s.Retention == 0 {
		s.Retention = DefaultRetention
	}
	if s.DeadLetterRetention == 0 {
		s.DeadLetterRetention = DefaultDeadLetterRetention
	}
	return s
}

// A QueueSpec is what one queue must be for the tasks on it.
type QueueSpec struct {
	QueueSettings
	// MaxReceiveCount is the largest MaxRetries on the queue + 1 + [ReceiveAllowance].
	MaxReceiveCount int
}

// Queues returns what each queue that a task uses must be, by name.
func (r *Registry) Queues() []QueueSpec {
	byName := map[string]QueueSpec{}
	for _, d := range r.tasks {
		name := d.info.Queue
		spec, ok := byName[name]
		if !ok {
			settings := r.queues[name]
			settings.Name = name
			spec.QueueSettings = settings.withDefaults()
		}
		spec.MaxReceiveCount = max(spec.MaxReceiveCount, d.info.MaxRetries+1+ReceiveAllowance)
		byName[name] = spec
	}
	specs := make([]QueueSpec, 0, len(byName))
	for _, spec := range byName {
		specs = append(specs, spec)
	}
	slices.SortFunc(specs, func(a, b QueueSpec) int { return strings.Compare(a.Name, b.Name) })
	return specs
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func checkQueueName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxQueueName:
		return fmt.Sprintf("is longer than %d characters (SQS allows 80, and the dead-letter queue adds \"-dlq\")", maxQueueName)
	case !queueName.MatchString(name):
		return "is invalid: SQS allows letters, digits, '_' and '-'"
	case strings.HasSuffix(name, "-dlq"):
		return "is invalid: names that end in \"-dlq\" are kept for dead-letter queues"
	}
	return ""
}
