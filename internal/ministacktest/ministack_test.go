// Package ministacktest runs on MiniStack the suites that everything else runs on the emulator.
package ministacktest

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/conformance"
	"github.com/coretasks/core/internal/schedulertest"
	"github.com/coretasks/core/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.Main(m, fmt.Sprintf("the suites on MiniStack; run make test, or %s=$(scripts/ministack up) go test ./...",
		testenv.MiniStackVar), testenv.MiniStackVar)
}

// TestScheduler is the suite of EventBridge Scheduler. MiniStack fires schedules into queues, but no universal targets.
func TestScheduler(t *testing.T) {
	t.Parallel()
	config := testenv.MiniStack(t)
	const (
		unchecked = "MiniStack does not check this"
		noTokens  = "MiniStack has no tokens"
		noPages   = "MiniStack gives no token for the next page"
	)
	elsewhere := config.Copy()
	elsewhere.Region = "eu-west-1"
	schedulertest.Run(t, schedulertest.Harness{
		API: scheduler.NewFromConfig(config), Queues: sqs.NewFromConfig(config),
		Elsewhere: &schedulertest.Harness{API: scheduler.NewFromConfig(elsewhere), Queues: sqs.NewFromConfig(elsewhere)},
		Known: conformance.Known{
			Deviations: map[string]string{
				"CreateAgainWithToken": noTokens,
				"GroupAgainWithToken":  noTokens,
				"ListPages":            noPages,
				"ListGroups":           noPages,
				"DefaultsAreFilledIn":  "MiniStack fills nothing in",
				"Tags":                 "MiniStack removes no tags",
				"SchedulesHaveNoTags":  unchecked,
				"ContextAttributes":    "MiniStack sends them as they are",

				"Refused/a_name_of_65":                  unchecked,
				"Refused/a_time_zone":                   unchecked,
				"Refused/a_state":                       unchecked,
				"Refused/a_role":                        unchecked,
				"Refused/a_target":                      unchecked,
				"Refused/a_window_of_nothing":           unchecked,
				"Refused/an_old_start":                  unchecked,
				"Refused/186_retries":                   unchecked,
				"Refused/an_age_of_59_seconds":          unchecked,
				"Refused/a_request_without_its_members": unchecked,

				"RefusedExpressions/every_day":                   unchecked,
				"RefusedExpressions/cron(0_0_*_*_*)":             unchecked,
				"RefusedExpressions/cron(0_0_*_*_*_*)":           unchecked,
				"RefusedExpressions/cron(60_0_*_*_?_*)":          unchecked,
				"RefusedExpressions/cron(0_24_*_*_?_*)":          unchecked,
				"RefusedExpressions/cron(0_0_?_*_8_*)":           unchecked,
				"RefusedExpressions/cron(0_0_?_*_3#1,6#3_*)":     unchecked,
				"RefusedExpressions/cron(0_0_1_1_?_2200)":        unchecked,
				"RefusedExpressions/rate(0_minutes)":             unchecked,
				"RefusedExpressions/rate(5_seconds)":             unchecked,
				"RefusedExpressions/at(2030-02-30T00:00:00)":     unchecked,
				"RefusedExpressions/at(2030-01-01)":              unchecked,
				"RefusedExpressions/_cron(0_0_*_*_?_*)":          unchecked,
				"RefusedExpressions/_rate(10_minutes)":           unchecked,
				"RefusedExpressions/at(2021-12-31T23:59:59Z)":    unchecked,
				"RefusedExpressions/at(2030-01-01T00:00:00)_":    unchecked,
				"RefusedExpressions/at(2030-01-01T00:00:00_)":    unchecked,
				"RefusedExpressions/at(_2030-01-01T00:00:00)":    unchecked,
				"RefusedExpressions/cron()":                      unchecked,
				"RefusedExpressions/cron(0_0_*_*_?_*_)":          unchecked,
				"RefusedExpressions/cron(0_dummy_?_*_MON-FRI_*)": unchecked,
				"RefusedExpressions/cron(INVALID)":               unchecked,
				"RefusedExpressions/cron(_0_0_*_*_?_*)":          unchecked,
				"RefusedExpressions/rate()":                      unchecked,
				"RefusedExpressions/rate(-10_minutes)":           unchecked,
				"RefusedExpressions/rate(10)":                    unchecked,
				"RefusedExpressions/rate(10__minutes)":           unchecked,
				"RefusedExpressions/rate(10_minutes)_":           unchecked,
				"RefusedExpressions/rate(10_minutess)":           unchecked,
				"RefusedExpressions/rate(10_years)":              unchecked,
				"RefusedExpressions/rate(_10_minutes_)":          unchecked,

				"RefusedTwice/a_function_that_is_not_there":  unchecked,
				"RefusedTwice/a_request_without_its_members": unchecked,
				"RefusedTwice/a_time_zone":                   unchecked,
				"RefusedTwice/a_window_of_nothing":           unchecked,
				"RefusedTwice/an_old_start":                  unchecked,
				"RefusedTwice/no_ARN":                        unchecked,
				"RefusedTwiceAtUpdate":                       unchecked,
			},
			Harmful: map[string]string{ // each of them would wait in vain for 90 seconds
				"FiresInItsZone":        "MiniStack reads the time as UTC",
				"FiresARateAtOnce":      "MiniStack waits for the first period",
				"FiresAUniversalTarget": "MiniStack fires at queues only",
				"FiresABatch":           "MiniStack fires at queues only",
				"DeadLetter":            "MiniStack sends no dead letters",
			},
		},
	})
}
