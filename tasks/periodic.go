package tasks

import (
	"context"
	"encoding/json"
)

// A PeriodicTask is a function that runs at the times of a schedule. It takes no parameters and has no result. Make one
// with [Periodic].
type PeriodicTask struct {
	*definition
}

func (t *PeriodicTask) defined() bool { return t != nil && t.definition != nil }

// MaxPeriodicName is how many characters the name of a periodic task can have: a tick's id adds up to 26, "@", the time and "+899s".
const MaxPeriodicName = MaxJobID - 26

// A PeriodicOption sets one property of a periodic task: each [Option] of a task, and what only a schedule has ([Cron],
// [Every] and those that go with them), which [Define] does not take.
type PeriodicOption interface {
	periodic(*periodicSettings)
}

// periodicSettings is a periodic task while its options are applied.
type periodicSettings struct {
	def      *definition
	schedule scheduleSettings
}

func (o Option) periodic(p *periodicSettings) { o(p.def) }

// Periodic makes a task that runs at the times of its schedule, which [Cron] or [Every] gives:
//
//	var Cleanup = tasks.Periodic("sessions.cleanup", cleanup, tasks.Cron("30 3 * * *"), tasks.In("America/Sao_Paulo"))
//
// Each time that it is due is a tick, and each tick is a job on the task's queue, with retries and timeout as any other.
// Its id is made of the task's name and the tick's time, so that a tick that is fired twice is one job ([JobID] says what
// that means). Ticks do not wait for each other: a run that takes longer than the schedule's period overlaps with the next. What is wrong with
// the definition is reported by [Registry.Err] when the program starts.
func Periodic(name string, fn func(context.Context) error, opts ...PeriodicOption) *PeriodicTask {
	var run func(context.Context, struct{}) (struct{}, error)
	if fn != nil {
		run = func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, fn(ctx) }
	}
	return &PeriodicTask{definition: newDefinition(name, run, func(d *definition) {
		p := periodicSettings{def: d, schedule: defaultSchedule()}
		for _, opt := range opts {
			if opt == nil {
				d.refuse("an option is nil")
				continue
			}
			opt.periodic(&p)
		}
		d.info.Schedule = p.schedule.compile(d)
		if len(name) > MaxPeriodicName {
			d.refuse("the name is too long for a periodic task: it has %d characters, and the id of each tick's job, which is the name and a time, has room for %d",
				len(name), MaxPeriodicName)
		}
	})}
}

// Delay runs the task once now, or when opts say, beside its schedule. It is like [Task.Delay].
func (t *PeriodicTask) Delay(ctx context.Context, to Sender, opts ...DelayOption) (Job, error) {
	return t.delay(ctx, to, json.RawMessage("{}"), opts)
}
