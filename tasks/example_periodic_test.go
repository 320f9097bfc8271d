package tasks_test

import (
	"context"
	"fmt"
	"time"

	"github.com/coretasks/core/tasks"
)

func cleanUp(context.Context) error { return nil }

// A periodic task knows when it is due, and what EventBridge Scheduler must hold for it.
func ExamplePeriodic() {
	cleanup := tasks.Periodic("sessions.cleanup", cleanUp, tasks.Cron("30 3 * * MON-FRI"), tasks.In("Europe/Berlin"), tasks.MaxRetries(3))
	fmt.Println(tasks.NewRegistry(cleanup).Err())

	schedule := cleanup.Info().Schedule
	fmt.Println(schedule)
	tick := time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)
	for range 2 {
		tick = schedule.Next(tick)
		fmt.Println(tick.Format(time.RFC1123Z), schedule.TickID("sessions.cleanup", tick))
	}
	for _, rule := range schedule.Rules() {
		fmt.Println(rule.Expression)
	}
	// Output:
	// <nil>
	// 30 3 * * MON-FRI (Europe/Berlin)
	// Fri, 23 Oct 2026 03:30:00 +0200 sessions.cleanup@2026-10-23T01:30:00Z
	// Mon, 26 Oct 2026 03:30:00 +0100 sessions.cleanup@2026-10-26T02:30:00Z
	// cron(30 3 ? * 2-6 *)
}

// An interval that is not whole minutes is a pattern of delayed messages.
func ExampleEvery() {
	sync := tasks.Periodic("inventory.sync", cleanUp, tasks.Every(20*time.Second))
	for _, rule := range sync.Info().Schedule.Rules() {
		fmt.Println(rule.Expression, rule.Offsets)
	}
	fmt.Println(tasks.NewRegistry(tasks.Periodic("inventory.sync", cleanUp, tasks.Every(61*time.Minute+time.Second))).Err())
	// Output:
	// rate(1 minute) [0s 20s 40s]
	// task "inventory.sync": interval 1h1m1s: EventBridge fires on whole minutes, and this interval falls on one only every 61h1m; the messages between can be delayed by at most 15m; the nearest that work are 1h1m and 1h2m
}

// What is wrong with an expression is shown where it is wrong, when the program starts.
func ExampleCron() {
	fmt.Println(tasks.NewRegistry(tasks.Periodic("sessions.cleanup", cleanUp, tasks.Cron("30 3 * * MON-FRU"))).Err())
	// Output:
	// task "sessions.cleanup": cron "30 3 * * MON-FRU": day of week: "FRU" is neither a number nor a name from SUN to SAT
	//   30 3 * * MON-FRU
	//                ^^^
}

// A job with the caller's own id can be sent again when it is not known whether it was sent.
func ExampleJobID() {
	greetTask := tasks.Define("demo.greet", greet)
	job, err := greetTask.Delay(context.Background(), &outbox{}, Greeting{Name: "Ada"}, tasks.JobID("greet-ada-2027"), tasks.At(time.Now().Add(time.Hour)))
	fmt.Println(job.ID, err)
	// Output: greet-ada-2027 <nil>
}
