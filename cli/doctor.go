package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// A finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

func (p *program) doctorCommand() *cobra.Command {
	var function string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check credentials, endpoint, queues, schedules and the results store against the tasks, and say how to mend what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := append(p.examine(cmd.Context(), function), p.examineStore(cmd.Context()))
			wrong := 0
			for _, f := range findings {
				if !f.OK {
					wrong++
				}
			}
			err := p.print(findings, func(w io.Writer) error { return printFindings(w, findings) })
			if err == nil && wrong > 0 {
				err = fmt.Errorf("%d of %d checks failed", wrong, len(findings))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&function, "lambda", "", "name or ARN of a Lambda function that works the queues, to check it and its event source mappings too")
	return cmd
}

func printFindings(w io.Writer, findings []finding) error {
	for _, f := range findings {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		if err := printf(w, "%s  %s: %s\n", mark, f.Check, f.Detail); err != nil {
			return err
		}
		if f.Mend != "" {
			if err := printf(w, "      mend it with: %s\n", f.Mend); err != nil {
				return err
			}
		}
	}
	return nil
}

// examine looks at one thing after the other, and stops where the rest could not be told.
func (p *program) examine(ctx context.Context, function string) []finding {
	findings := []finding{{Check: "tasks", OK: true, Detail: fmt.Sprintf("%d tasks on %d queues", len(p.registry.Tasks()), len(p.registry.Queues()))}}
	cfg, err := p.awsConfig(ctx)
	if err != nil {
		return append(findings, finding{Check: "AWS", Detail: oneLine(err)})
	}
	findings = append(findings, finding{Check: "AWS", OK: true, Detail: fmt.Sprintf("region %s, endpoint %s", cfg.Region, endpoint(cfg))})
	api, err := p.api(ctx, oneShot)
	if err != nil {
		return append(findings, finding{Check: "endpoint", Detail: oneLine(err)})
	}
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: p.settings.prefix, Logger: p.logger()})
	if err != nil {
		return append(findings, finding{Check: "queue prefix", Detail: oneLine(err)})
	}
	for _, spec := range p.registry.Queues() {
		problems, err := sqsqueue.Check(ctx, client, p.registry, spec.Name)
		if err != nil {
			return append(findings, finding{Check: "endpoint", Detail: oneLine(p.hint(err))})
		}
		for _, problem := range problems {
			findings = append(findings, finding{Check: "queue " + problem.Queue, Detail: problem.Text, Mend: p.command(problem.Mend)})
		}
		if len(problems) == 0 {
			findings = append(findings, finding{Check: "queue " + client.FullName(spec.Name), OK: true, Detail: fmt.Sprintf(
				"redrive after %d receives, visibility timeout %v", spec.MaxReceiveCount, spec.QueueVisibility())})
		}
	}
	findings = append(findings, p.examineSchedules(ctx)...)
	switch {
	case function != "" && p.settings.local:
		findings = append(findings, finding{Check: "function " + function,
			Detail: "the embedded endpoint has no Lambda functions to look at; without --local a deployed one is looked at, and '" + p.name + " dev --lambda BINARY' runs one here"})
	case function != "":
		findings = append(findings, p.examineFunction(ctx, awslambda.NewFromConfig(cfg), client, function)...)
	}
	return findings
}

// examineSchedules compares EventBridge with the periodic tasks.
func (p *program) examineSchedules(ctx context.Context) []finding {
	periodic := len(p.periodicRows(time.Now()))
	if periodic == 0 {
		return nil
	}
	found := finding{Check: "schedules"}
	err := p.withSchedules(ctx, func(m *schedules.Manager) error {
		plan, err := m.Plan(ctx, p.registry)
		if err != nil {
			return err
		}
		found.Check = fmt.Sprintf("schedules of group %s", plan.Group)
		paused := 0
		if states, err := m.States(ctx, p.registry); err == nil {
			for _, state := range states {
				if state == schedules.Paused {
					paused++
				}
			}
		}
		found.OK = plan.Empty()
		found.Detail = fmt.Sprintf("%d periodic tasks, %d of them paused", periodic, paused)
		if !found.OK {
			found.Detail = fmt.Sprintf("they are not what the code says: %d to create, %d to change, %d to delete",
				plan.Count(schedules.Create), plan.Count(schedules.Update), plan.Count(schedules.Delete))
			found.Mend = p.command("core schedules apply")
		}
		return nil
	})
	if err != nil {
		found.OK, found.Detail = false, oneLine(err)
	}
	return []finding{found}
}

func endpoint(cfg aws.Config) string {
	if cfg.BaseEndpoint != nil {
		return *cfg.BaseEndpoint
	}
	return "of AWS"
}
