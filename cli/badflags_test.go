package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coretasks/core/tasks"
)

// run runs a command in this process.
func run(t *testing.T, r *tasks.Registry, args ...string) (code int, stderr string) {
	t.Helper()
	var errs strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is not refused ends at once
	code = Run(ctx, r, args, strings.NewReader(""), io.Discard, &errs)
	return code, errs.String()
}

func noop(opts ...tasks.Option) tasks.Definition {
	return tasks.Define("task", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, opts...)
}

// Values that make no sense are refused as wrong usage, with the flag's name and the rule.
func TestFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	r := tasks.NewRegistry(noop())
	for args, want := range map[string]string{
		"worker --grace -1s":                           "--grace -1s is invalid: it must be more than 0",
		"worker --grace 0":                             "--grace 0 is invalid: it must be more than 0",
		"worker --grace soon":                          `--grace soon is invalid: "soon" is no length of time`,
		"worker --shutdown-timeout 0":                  "--shutdown-timeout 0 is invalid: it must be 1s or more",
		"worker --shutdown-timeout -1d":                `--shutdown-timeout -1d is invalid: "-1d" is no length of time`,
		"dev --lambda --shutdown-timeout 0s":           "--shutdown-timeout 0s is invalid: it must be 1s or more",
		"worker --concurrency -4":                      "--concurrency -4 is invalid: it must be 1 or more",
		"worker --concurrency 1.5":                     "--concurrency 1.5 is invalid: it must be a whole number",
		"worker --queue default=0":                     `--queue "default=0" is invalid: the weight`,
		"worker --queue default=9999999":               `--queue "default=9999999" is invalid: the weight`,
		"worker --health-addr here":                    `--health-addr "here" is invalid: use host:port`,
		"worker --health-addr 127.0.0.1:99999":         `--health-addr "127.0.0.1:99999" is invalid: the port`,
		"dev --visibility-timeout 0":                   "--visibility-timeout 0 is invalid: it must be 5s to 12h0m0s",
		"dev --visibility-timeout 13h":                 "--visibility-timeout 13h is invalid: it must be 5s to 12h0m0s",
		"dev --addr 8000":                              `--addr "8000" is invalid: use host:port`,
		"dev --lambda --lambda-batch-size 0":           "--lambda-batch-size: batch size 0 is invalid: it must be 1 to 10000",
		"dev --lambda --lambda-batch-window -1s":       "--lambda-batch-window: batching window -1s is invalid",
		"run --addr 127.0.0.1:http":                    `--addr "127.0.0.1:http" is invalid: the port must be 0 to 65535`,
		"local --local-addr 127.0.0.1:-1":              `--local-addr "127.0.0.1:-1" is invalid: the port must be`,
		"health --health-addr 8001":                    `--health-addr "8001" is invalid: use host:port`,
		"jobs list --limit 0":                          "--limit 0 is invalid: it must be 1 to 100",
		"jobs list --state done":                       `--state "done" is invalid: use one of [queued`,
		"jobs watch x --timeout -1s":                   "--timeout -1s is invalid: it must be 0s or more",
		"enqueue task --timeout -1s":                   "--timeout -1s is invalid: it must be 0s or more",
		"dlq list default --limit -1":                  "--limit -1 is invalid: it must be 0 or more",
		"dlq list default --since 0s":                  "--since 0s is invalid: it must be more than 0",
		"dlq purge default --since 0d --yes":           "--since 0s is invalid: it must be more than 0",
		"queues list --output yaml":                    `--output "yaml" is invalid: use text or json`,
		"queues list --queue-prefix=a%b":               `--queue-prefix: queue prefix "a b" is invalid: SQS allows letters`,
		"schedules plan --queue-prefix=a%b":            `--queue-prefix: queue prefix "a b" is invalid`,
		"enqueue task --local --queue-prefix=%":        `--queue-prefix: queue prefix " " is invalid`,
		"manifest --queue-prefix a.b":                  `--queue-prefix: queue prefix "a.b" is invalid`,
		"schedules plan --local --application my%shop": `--application: application "my shop" is invalid`,
		"queues list --scheduler-role-arn admin":       `--scheduler-role-arn: execution role "admin" is invalid`,
		"version --results mysql://x":                  `--results "mysql://x" is invalid: use none`,
		"version --results dynamodb://a%b":             `--results "dynamodb://a b" is invalid: a table's name has 3 to 255`,
		"version --local=perhaps":                      `--local perhaps is invalid`,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var words []string
			for word := range strings.FieldsSeq(args) {
				words = append(words, strings.ReplaceAll(word, "%", " "))
			}
			code, stderr := run(t, r, words...)
			if code != exitUsage || !strings.HasPrefix(stderr, "core: ") || !strings.Contains(stderr, want) ||
				strings.Contains(stderr, "strconv.Atoi") {
				t.Errorf("exit code %d, %s\nwant %s", code, stderr, want)
			}
		})
	}
}

// A variable that stands for a flag is named itself.
func TestVariablesThatMakeNoSense(t *testing.T) {
	r := tasks.NewRegistry(noop())
	for variable, tc := range map[string]struct{ args, want string }{
		"CORE_GRACE=-1s":             {"worker", `CORE_GRACE="-1s" is invalid: it must be more than 0`},
		"CORE_SHUTDOWN_TIMEOUT=0":    {"worker", `CORE_SHUTDOWN_TIMEOUT="0" is invalid: it must be 1s or more`},
		"CORE_CONCURRENCY=none":      {"worker", `CORE_CONCURRENCY="none" is invalid: it must be a whole number`},
		"CORE_OUTPUT=yaml":           {"queues list", `CORE_OUTPUT="yaml" is invalid: use text or json`},
		"CORE_LOG_LEVEL=loud":        {"worker", `CORE_LOG_LEVEL="loud" is invalid: use debug, info, warn or error`},
		"CORE_QUEUE_PREFIX=a b":      {"worker", `CORE_QUEUE_PREFIX: queue prefix "a b" is invalid`},
		"CORE_RESULTS=mysql":         {"worker", `CORE_RESULTS "mysql" is invalid`},
		"CORE_SCHEDULER_ROLE_ARN=me": {"worker", `CORE_SCHEDULER_ROLE_ARN: execution role "me" is invalid`},
		"CORE_LOCAL_ADDR=here":       {"local", `CORE_LOCAL_ADDR="here" is invalid: use host:port`},
		"CORE_API_TOKEN=two words":   {"run --local", `CORE_API_TOKEN is invalid: use printable ASCII without spaces`},
	} {
		t.Run(variable, func(t *testing.T) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			code, stderr := run(t, r, strings.Fields(tc.args)...)
			if code != exitUsage || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit code %d, %s\nwant %s", code, stderr, tc.want)
			}
			if name == tokenVar && strings.Contains(stderr, "two") {
				t.Errorf("the token is shown: %s", stderr)
			}
		})
	}
}

// Each flag with a number or a length of time has a bound, or is checked where it is used.
func TestEachFlagIsChecked(t *testing.T) {
	t.Parallel()
	later := []string{"since", "countdown", "lambda-batch-size", "lambda-batch-window", "rate"}
	p := &program{registry: tasks.NewRegistry(noop()), stdout: io.Discard, stderr: io.Discard}
	seen := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			wrong := map[string]string{"duration": "-1s", "int": "-1", "float64": "-1", "uint": "-1"}[f.Value.Type()]
			if wrong == "" {
				return
			}
			seen[f.Name] = true
			if err := f.Value.Set(wrong); err == nil && !slices.Contains(later, f.Name) {
				t.Errorf("%s --%s %s is accepted", cmd.CommandPath(), f.Name, wrong)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(p.root())
	if len(seen) < 10 {
		t.Errorf("only %v were found", slices.Sorted(maps.Keys(seen)))
	}
}

// A queue whose name is too long with the prefix is refused by every command, in the words of the code.
func TestQueueNamesAreTooLongWithThePrefix(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]string{
		76: " has 84 of 80 characters; shorten it or the prefix \"staging-\"",
		70: "-dlq\" has 82 of 80 characters; shorten it or the prefix \"staging-\"",
		68: "",
	} {
		queue := strings.Repeat("q", length)
		daily := tasks.Periodic("daily", func(context.Context) error { return nil }, tasks.Cron("@daily"), tasks.Queue(queue))
		r := tasks.NewRegistry(noop(tasks.Queue(queue)), daily)
		for _, args := range []string{
			"worker", "queues apply", "queues list", "schedules plan", "schedules apply", "doctor", "manifest",
			"enqueue task", "run", "scheduler", "dlq list " + queue, "dev",
		} {
			if want == "" && args != "manifest" {
				continue // it would try
			}
			code, stderr := run(
				t,
				r,
				append(strings.Fields(args), "--local", "--local-addr", "127.0.0.1:1", "--queue-prefix", "staging-")...)
			if (code == exitUsage) != (want != "") || !strings.Contains(stderr, want) {
				t.Errorf("%s with a name of %d: exit code %d, %s", args, length, code, stderr)
			}
		}
	}
}

func TestInputEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("told to stop")
	cancel(stopped)
	forever := make(chan struct{})
	defer close(forever)
	if _, err := input(ctx, func() (int, error) { <-forever; return 0, nil }); !errors.Is(err, stopped) {
		t.Errorf("%v", err)
	}
}
