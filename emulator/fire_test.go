package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
)

const (
	role         = "arn:aws:iam::000000000000:role/scheduler"
	universalOne = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
	universalTen = "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch"
	scheduledAt  = "<aws.scheduler.scheduled-time>"
)

// plan is a schedule that sends its time to the queue "jobs"; change adapts it.
func plan(expression string, change func(*scheduler.CreateScheduleInput)) *scheduler.CreateScheduleInput {
	in := &scheduler.CreateScheduleInput{
		Name: aws.String("tick"), ScheduleExpression: &expression,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String(arn("jobs")), RoleArn: aws.String(role), Input: aws.String(scheduledAt)},
	}
	if change != nil {
		change(in)
	}
	return in
}

// world is an emulator in a bubble, where it is midnight UTC on 1 January 2000.
type world struct {
	*testing.T
	e   *emulator.Emulator
	url string // of the queue "jobs"
}

// inBubble runs a test where time is fake.
func inBubble(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, emulator.Config{})
		test(&world{t, e, create(t, e.SQS(), "jobs", nil)})
	})
}

func (w *world) create(in *scheduler.CreateScheduleInput) {
	w.Helper()
	if _, err := w.e.Scheduler().CreateSchedule(w.Context(), in); err != nil {
		w.Fatal(err)
	}
}

// update replaces a schedule by the same with changes.
func (w *world) update(in *scheduler.CreateScheduleInput, change func(*scheduler.UpdateScheduleInput)) {
	w.Helper()
	next := scheduler.UpdateScheduleInput(*in)
	change(&next)
	if _, err := w.e.Scheduler().UpdateSchedule(w.Context(), &next); err != nil {
		w.Fatal(err)
	}
}

// exists says whether the schedule is still there.
func (w *world) exists() bool {
	w.Helper()
	_, err := w.e.Scheduler().GetSchedule(w.Context(), &scheduler.GetScheduleInput{Name: aws.String("tick")})
	return err == nil
}

// sleepUntil lets time pass up to a moment, and all that is due then be done.
func (w *world) sleepUntil(moment string) {
	w.Helper()
	time.Sleep(time.Until(parseTime(w, moment)))
	synctest.Wait()
}

func parseTime(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// drain takes all messages out of a queue.
func drain(t testing.TB, c api, url string) []sqstypes.Message {
	t.Helper()
	var all []sqstypes.Message
	for {
		msgs := receive(t, c, url)
		if len(msgs) == 0 {
			return all
		}
		for _, m := range msgs {
			remove(t, c, url, m)
		}
		all = append(all, msgs...)
	}
}

// fired says when the schedule fired, as its messages tell, in order.
func (w *world) fired() []string {
	w.Helper()
	var all []string
	for _, m := range drain(w, w.e.SQS(), w.url) {
		all = append(all, *m.Body)
	}
	return all
}

func (w *world) want(want ...string) {
	w.Helper()
	if got := w.fired(); !slices.Equal(got, want) {
		w.Errorf("fired at\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func date(t testing.TB, text string) *time.Time { return aws.Time(parseTime(t, text)) }

func TestFiresAtTheSecond(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("cron(0/5 * * * ? *)", nil))
		w.sleepUntil("2000-01-01T00:04:59Z")
		w.want()
		time.Sleep(time.Second)
		synctest.Wait()
		w.want("2000-01-01T00:05:00Z")
		w.sleepUntil("2000-01-01T00:15:00Z")
		w.want("2000-01-01T00:10:00Z", "2000-01-01T00:15:00Z")
	})
}

func TestADayOfMinutes(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("cron(* * * * ? *)", nil))
		w.sleepUntil("2000-01-02T00:00:00Z")
		if got := w.fired(); len(got) != 24*60 || slices.Compare(got, slices.Compact(slices.Sorted(slices.Values(got)))) != 0 {
			w.Errorf("%d firings, or not each once and in order", len(got))
		}
	})
}

func TestDaylightSaving(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		until      string
		want       []string
	}{
		"spring skips what is not there": {"cron(30 2 1-3 4 ? *)", "2000-04-04T00:00:00Z",
			[]string{"2000-04-01T07:30:00Z", "2000-04-03T06:30:00Z"}},
		"autumn fires once": {"cron(30 1 28-30 10 ? *)", "2000-10-31T00:00:00Z",
			[]string{"2000-10-28T05:30:00Z", "2000-10-29T05:30:00Z", "2000-10-30T06:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.create(plan(test.expression, func(in *scheduler.CreateScheduleInput) {
					in.ScheduleExpressionTimezone = aws.String("America/New_York")
				}))
				if until := parseTime(w, test.until); until.Month() > 3 { // the queue keeps messages for four days
					time.Sleep(time.Until(until.AddDate(0, 0, -3).Add(-time.Hour)))
				}
				w.sleepUntil(test.until)
				w.want(test.want...)
			})
		})
	}
}

func TestRates(t *testing.T) {
	t.Run("fires at once without a start", func(t *testing.T) {
		inBubble(t, func(w *world) {
			time.Sleep(1500 * time.Millisecond)
			w.create(plan("rate(1 hour)", nil))
			synctest.Wait()
			w.want("2000-01-01T00:00:01Z")
			w.sleepUntil("2000-01-01T02:00:01Z")
			w.want("2000-01-01T01:00:01Z", "2000-01-01T02:00:01Z")
		})
	})
	t.Run("counts from the start", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("rate(1 day)", func(in *scheduler.CreateScheduleInput) {
				in.StartDate, in.EndDate = date(w, "2000-01-01T06:00:00Z"), date(w, "2000-01-03T06:00:00Z")
			}))
			w.sleepUntil("2000-01-04T12:00:00Z")
			w.want("2000-01-01T06:00:00Z", "2000-01-02T06:00:00Z", "2000-01-03T06:00:00Z")
		})
	})
}

func TestOneTime(t *testing.T) {
	remove := func(in *scheduler.CreateScheduleInput) { in.ActionAfterCompletion = types.ActionAfterCompletionDelete }
	t.Run("deletes itself", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("at(2000-01-01T09:00:01)", func(in *scheduler.CreateScheduleInput) {
				in.ScheduleExpressionTimezone = aws.String("Asia/Tokyo")
				remove(in)
			}))
			synctest.Wait()
			if !w.exists() {
				w.Error("it is gone before its time")
			}
			w.sleepUntil("2000-01-01T00:00:01Z")
			w.want("2000-01-01T00:00:01Z")
			if w.exists() {
				w.Error("it is still there")
			}
		})
	})
	t.Run("stays", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("at(2000-01-01T00:00:01)", nil))
			w.sleepUntil("2000-01-03T00:00:00Z")
			w.want("2000-01-01T00:00:01Z")
			if !w.exists() {
				w.Error("it is gone")
			}
		})
	})
	t.Run("just past fires late", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("at(1999-12-31T23:59:00)", remove))
			synctest.Wait()
			w.want("1999-12-31T23:59:00Z")
		})
	})
	t.Run("long past never fires", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("at(1999-12-30T23:59:00)", remove))
			time.Sleep(time.Hour)
			w.want()
		})
	})
	t.Run("a recurring schedule deletes itself at its end", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("rate(1 hour)", func(in *scheduler.CreateScheduleInput) {
				in.EndDate = date(w, "2000-01-01T01:30:00Z")
				remove(in)
			}))
			time.Sleep(time.Minute)
			if !w.exists() {
				w.Error("it is gone before its time")
			}
			w.sleepUntil("2000-01-01T01:00:00Z")
			w.want("2000-01-01T00:00:00Z", "2000-01-01T01:00:00Z")
			if w.exists() {
				w.Error("it is still there")
			}
		})
	})
}

func TestPauseAndResume(t *testing.T) {
	inBubble(t, func(w *world) {
		in := plan("rate(1 hour)", nil)
		w.create(in)
		w.sleepUntil("2000-01-01T01:00:00Z")
		w.want("2000-01-01T00:00:00Z", "2000-01-01T01:00:00Z")
		w.update(in, func(u *scheduler.UpdateScheduleInput) { u.State = types.ScheduleStateDisabled })
		w.sleepUntil("2000-01-01T05:30:00Z")
		w.want()
		w.update(in, func(*scheduler.UpdateScheduleInput) {})
		w.update(in, func(*scheduler.UpdateScheduleInput) {})
		synctest.Wait()
		w.want()
		w.sleepUntil("2000-01-01T06:00:00Z")
		w.want("2000-01-01T06:00:00Z")
		w.update(in, func(u *scheduler.UpdateScheduleInput) { u.ScheduleExpression = aws.String("cron(30 6 * * ? *)") })
		w.sleepUntil("2000-01-01T12:00:00Z")
		w.want("2000-01-01T06:30:00Z")
	})
}

func TestFlexibleWindow(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("cron(0 * * * ? *)", func(in *scheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow = &types.FlexibleTimeWindow{
				Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(15),
			}
		}))
		w.sleepUntil("2000-01-02T00:59:00Z")
		moved := 0
		msgs := drain(w, w.e.SQS(), w.url)
		for _, m := range msgs {
			scheduled := parseTime(w, *m.Body)
			ms, err := time.ParseDuration(m.Attributes["SentTimestamp"] + "ms")
			if err != nil {
				w.Fatal(err)
			}
			late := time.UnixMilli(ms.Milliseconds()).Sub(scheduled)
			if late < 0 || late >= 15*time.Minute {
				w.Errorf("the firing of %v came %v after it", scheduled, late)
			}
			if late > 0 {
				moved++
			}
		}
		if len(msgs) != 24 || moved < 12 {
			w.Errorf("%d firings, %d of them within the window and not at its beginning", len(msgs), moved)
		}
	})
}

func TestContextAttributes(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) {
			in.GroupName = aws.String("default")
			in.Target.Input = aws.String("<aws.scheduler.schedule-arn> <aws.scheduler.execution-id> <aws.scheduler.attempt-number> " + scheduledAt)
			in.Target.SqsParameters = &types.SqsParameters{MessageGroupId: aws.String("tenant")}
		}))
		w.sleepUntil("2000-01-01T00:01:00Z")
		var executions []string
		for i, m := range drain(w, w.e.SQS(), w.url) {
			f := strings.Fields(*m.Body)
			if len(f) != 4 || f[0] != "arn:aws:scheduler:us-east-1:000000000000:schedule/default/tick" || len(f[1]) != 16 ||
				f[2] != "1" || f[3] != fmt.Sprintf("2000-01-01T00:0%d:00Z", i) {
				w.Errorf("message %d is %q", i, *m.Body)
			}
			if m.Attributes["MessageGroupId"] != "tenant" {
				w.Errorf("attributes %v lack the group", m.Attributes)
			}
			executions = append(executions, f[1])
		}
		if len(executions) != 2 || executions[0] == executions[1] {
			w.Errorf("executions %v, want two that differ", executions)
		}
	})
}

func TestInputIsOptionalForQueues(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) { in.Target.Input = nil }))
		synctest.Wait()
		if got := w.fired(); len(got) != 1 || !strings.Contains(got[0], `"detail-type":"Scheduled Event"`) ||
			!strings.Contains(got[0], `"time":"2000-01-01T00:00:00Z"`) {
			w.Errorf("got %v", got)
		}
	})
}

func TestUniversalTargets(t *testing.T) {
	t.Run("sendMessage", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.create(plan("at(2000-01-01T00:01:00)", func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(universalOne)
				in.Target.Input = aws.String(`{"QueueUrl":"` + w.url + `","MessageBody":"{\"at\":\"` + scheduledAt + `\"}","DelaySeconds":30,
					"MessageAttributes":{"kind":{"DataType":"String","StringValue":"tick"}}}`)
			}))
			w.sleepUntil("2000-01-01T00:01:29Z")
			w.want()
			time.Sleep(time.Second)
			msgs := drain(w, w.e.SQS(), w.url)
			if len(msgs) != 1 || *msgs[0].Body != `{"at":"2000-01-01T00:01:00Z"}` ||
				*msgs[0].MessageAttributes["kind"].StringValue != "tick" {
				w.Errorf("got %+v", msgs)
			}
		})
	})
	t.Run("sendMessageBatch with a bad entry counts as delivered", func(t *testing.T) {
		inBubble(t, func(w *world) {
			create(w, w.e.SQS(), "dead", nil)
			w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(universalTen)
				in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(arn("dead"))}
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
				in.Target.Input = aws.String(`{"QueueUrl":"` + w.url + `","Entries":[{"Id":"0","MessageBody":"` + scheduledAt + ` 0"},
					{"Id":"20","MessageBody":"` + scheduledAt + ` 20","DelaySeconds":20},{"Id":"bad","MessageBody":"x","DelaySeconds":901},
					{"Id":"40","MessageBody":"` + scheduledAt + ` 40","DelaySeconds":40}]}`)
			}))
			time.Sleep(50 * time.Second)
			w.want("2000-01-01T00:00:00Z 0", "2000-01-01T00:00:00Z 20", "2000-01-01T00:00:00Z 40")
			if n := count(w, w.e.SQS(), "http://h/000000000000/dead", ""); n != 0 {
				w.Errorf("%d dead letters", n)
			}
		})
	})
}

func TestRetriesUntilTheQueueIsThere(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("at(2000-01-01T00:01:00)", func(in *scheduler.CreateScheduleInput) {
			in.Target.Arn = aws.String(arn("later"))
			in.Target.Input = aws.String(scheduledAt + " <aws.scheduler.attempt-number>")
			in.ActionAfterCompletion = types.ActionAfterCompletionDelete
		}))
		w.sleepUntil("2000-01-01T00:01:10Z") // attempts at 0, 1, 3 and 7 seconds
		w.url = create(w, w.e.SQS(), "later", nil)
		w.sleepUntil("2000-01-01T00:01:14Z")
		w.want()
		if !w.exists() {
			w.Error("it is gone, and still retried")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		w.want("2000-01-01T00:01:00Z 5")
		if w.exists() {
			w.Error("it is still there")
		}
	})
}

func TestDeadLetters(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*scheduler.CreateScheduleInput)
		after    time.Duration // of the last attempt
		code     string
		retries  string
		reason   string
		body     string
		shortens bool
	}{
		"a queue that does not exist": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(arn("gone"))
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2)}
			},
			after: 3 * time.Second, code: "AWS.SimpleQueueService.NonExistentQueue", retries: "2", reason: "MaximumRetryAttempts",
			body: `{"MessageBody":"2000-01-01T00:01:00Z","QueueUrl":"http://127.0.0.1:4560/000000000000/gone"}`,
		},
		"no retries": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(universalOne)
				in.Target.Input = aws.String(`{"QueueUrl":"http://h/000000000000/gone","MessageBody":"x"}`)
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
			},
			code: "AWS.SimpleQueueService.NonExistentQueue", retries: "0", reason: "MaximumRetryAttempts",
			body: `{"QueueUrl":"http://h/000000000000/gone","MessageBody":"x"}`,
		},
		"too old": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(arn("gone"))
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60)}
			},
			after: 31 * time.Second, code: "AWS.SimpleQueueService.NonExistentQueue", retries: "5", reason: "MaximumEventAgeInSeconds",
		},
		"a body that is too large": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Input = aws.String(strings.Repeat("x", 1<<20+1))
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
			},
			code: "InvalidParameterValue", retries: "0", reason: "MaximumRetryAttempts", shortens: true,
		},
		"a body that SQS refuses": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Input = aws.String("bell \a \uffff")
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
			},
			code: "InvalidMessageContents", retries: "0", reason: "MaximumRetryAttempts",
			body: `{"MessageBody":"bell \u0007 ` + "\ufffd" + `","QueueUrl":"http://127.0.0.1:4560/000000000000/jobs"}`,
		},
		"a request that is none": {
			change: func(in *scheduler.CreateScheduleInput) {
				in.Target.Arn = aws.String(universalTen)
				in.Target.Input = aws.String(`{"QueueUrl":"http://h/000000000000/jobs","Entries":"<aws.scheduler.attempt-number>"}`)
				in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
			},
			code: "SerializationException", retries: "0", reason: "MaximumRetryAttempts",
			body: `{"QueueUrl":"http://h/000000000000/jobs","Entries":"1"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				dead := create(w, w.e.SQS(), "dead", nil)
				in := plan("at(2000-01-01T00:01:00)", test.change)
				in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(arn("dead"))}
				in.ActionAfterCompletion = types.ActionAfterCompletionDelete
				w.create(in)
				time.Sleep(time.Minute + test.after - time.Millisecond)
				synctest.Wait()
				if n := count(w, w.e.SQS(), dead, ""); n != 0 {
					w.Fatalf("%d dead letters too early", n)
				}
				time.Sleep(time.Millisecond)
				synctest.Wait()
				msgs := drain(w, w.e.SQS(), dead)
				if len(msgs) != 1 {
					w.Fatalf("%d dead letters, want 1", len(msgs))
				}
				got := map[string]string{}
				for name, a := range msgs[0].MessageAttributes {
					got[name] = *a.StringValue
				}
				if got["ERROR_CODE"] != test.code || got["RETRY_ATTEMPTS"] != test.retries || got["EXHAUSTED_RETRY_CONDITION"] != test.reason ||
					got["SCHEDULE_ARN"] != "arn:aws:scheduler:us-east-1:000000000000:schedule/default/tick" || got["TARGET_ARN"] != *in.Target.Arn ||
					got["SCHEDULED_TIME"] != "2000-01-01T00:01:00Z" || got["ERROR_MESSAGE"] == "" || len(got["EXECUTION_ID"]) != 16 ||
					got["IS_PAYLOAD_TRUNCATED"] != fmt.Sprint(test.shortens) {
					w.Errorf("attributes %v", got)
				}
				if test.body != "" && *msgs[0].Body != test.body {
					w.Errorf("body %s, want %s", *msgs[0].Body, test.body)
				}
				w.want()
				if w.exists() {
					w.Error("a schedule that is through is still there")
				}
			})
		})
	}
}

// A schedule without a place for dead letters, or with one that is gone, goes on.
func TestDeadLetterNowhere(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) {
			in.Target.Arn = aws.String(arn("later"))
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
			in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(arn("gone"))}
		}))
		time.Sleep(90 * time.Second)
		w.url = create(w, w.e.SQS(), "later", nil)
		w.sleepUntil("2000-01-01T00:02:00Z")
		w.want("2000-01-01T00:02:00Z")
	})
}

func TestEndWaitsEndsFiring(t *testing.T) {
	inBubble(t, func(w *world) {
		w.create(plan("rate(1 minute)", nil))
		synctest.Wait()
		w.want("2000-01-01T00:00:00Z")
		w.e.EndWaits()
		w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) { in.Name = aws.String("tock") }))
		time.Sleep(time.Hour)
		w.want()
	})
}

func TestDeletingTheGroupStopsItsSchedules(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.e.Scheduler()
		if _, err := s.CreateScheduleGroup(w.Context(), &scheduler.CreateScheduleGroupInput{Name: aws.String("app")}); err != nil {
			w.Fatal(err)
		}
		w.create(plan("rate(1 minute)", func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("app") }))
		synctest.Wait()
		w.want("2000-01-01T00:00:00Z")
		if _, err := s.DeleteScheduleGroup(w.Context(), &scheduler.DeleteScheduleGroupInput{Name: aws.String("app")}); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.want()
		_, err := s.GetSchedule(w.Context(), &scheduler.GetScheduleInput{Name: aws.String("tick"), GroupName: aws.String("app")})
		if err == nil {
			w.Error("its schedule is still there")
		}
	})
}

// What was due while the file was closed: the latest fires once, if it is not too old.
func TestMissedWhileClosed(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		age        int32
		want       []string
	}{
		"the latest of many":        {"rate(1 hour)", 86_400, []string{"2000-01-01T00:00:00Z", "2000-01-03T11:00:00Z", "2000-01-03T12:00:00Z"}},
		"none that is too old":      {"cron(30 0 * * ? *)", 3600, nil},
		"a one-time schedule":       {"at(2000-01-03T10:00:00)", 86_400, []string{"2000-01-03T10:00:00Z"}},
		"an old one-time schedule":  {"at(2000-01-01T10:00:00)", 3600, nil},
		"one that is not due again": {"cron(0 11 3 1 ? 2000)", 86_400, []string{"2000-01-03T11:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			synctest.Test(t, func(t *testing.T) {
				e := open(t, emulator.Config{Path: path})
				url := create(t, e.SQS(), "jobs", nil)
				in := plan(test.expression, func(in *scheduler.CreateScheduleInput) {
					in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: &test.age}
				})
				if _, err := e.Scheduler().CreateSchedule(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(59*time.Hour + 30*time.Minute)
				for range 2 { // the second time everything is done
					e := open(t, emulator.Config{Path: path})
					synctest.Wait()
					if err := e.Close(); err != nil {
						t.Fatal(err)
					}
				}
				w := &world{t, open(t, emulator.Config{Path: path}), url}
				w.sleepUntil("2000-01-03T12:00:00Z")
				w.want(test.want...)
			})
		})
	}
}

func TestReopeningKeepsSchedules(t *testing.T) {
	t.Parallel()
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "state.db")
	e := open(t, emulator.Config{Path: path})
	s := e.Scheduler()
	_, err := s.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{
		Name: aws.String("app"), Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("me")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kept", "gone"} {
		in := plan("cron(0 0 1 1 ? 2199)", func(in *scheduler.CreateScheduleInput) {
			in.Name, in.GroupName, in.Description = &name, aws.String("app"), aws.String("a description")
			in.StartDate, in.ClientToken = aws.Time(time.Now().Add(time.Hour)), aws.String("token")
		})
		if _, err := s.CreateSchedule(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: aws.String("gone"), GroupName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	get := &scheduler.GetScheduleInput{Name: aws.String("kept"), GroupName: aws.String("app")}
	before, err := s.GetSchedule(ctx, get)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, emulator.Config{Path: path})
	s = e.Scheduler()
	after, err := s.GetSchedule(ctx, get)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := asJSON(t, before), asJSON(t, after); a != b {
		t.Errorf("before %s, after %s", a, b)
	}
	list, err := s.ListSchedules(ctx, nil)
	if err != nil || len(list.Schedules) != 1 {
		t.Errorf("%d schedules, want 1; %v", len(list.Schedules), err)
	}
	tags, err := s.ListTagsForResource(ctx, &scheduler.ListTagsForResourceInput{
		ResourceArn: aws.String("arn:aws:scheduler:us-east-1:000000000000:schedule-group/app"),
	})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("tags %v, %v", tags, err)
	}
	if _, err := s.DeleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{Name: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, emulator.Config{Path: path}).Scheduler()
	list, err = s.ListSchedules(ctx, nil)
	if err != nil || len(list.Schedules) != 0 {
		t.Errorf("%d schedules, want none; %v", len(list.Schedules), err)
	}
	groups, err := s.ListScheduleGroups(ctx, nil)
	if err != nil || len(groups.ScheduleGroups) != 1 {
		t.Errorf("groups %v, %v", groups, err)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
