package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/manifest"
)

func (p *program) manifestCommand() *cobra.Command {
	var check string
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Print queues, tasks and schedules as JSON, for Terraform",
		Long: `Print what the tasks need of the world around them (queues, retries, timeouts and schedules) as JSON. The Terraform
modules in infra/terraform read it; docs/manifest.schema.json describes it.`,
		Example: "  core manifest > core.json\n  core manifest --check core.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := manifest.Of(p.registry)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("check") {
				return p.checkManifest(m, check)
			}
			data, err := m.Encode()
			if err != nil {
				return err
			}
			_, err = p.jsonTo(p.stdout).Write(data)
			return err
		},
	}
	cmd.Flags().StringVar(&check, "check", "", "print nothing but what differs from this file, and fail when anything does")
	return cmd
}

// checkManifest compares the code's manifest with a file's.
func (p *program) checkManifest(m manifest.Manifest, file string) error {
	rewrite := fmt.Sprintf("'%s > %s'", p.command("core manifest"), file)
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w; write it with %s", err, rewrite)
	}
	written, err := manifest.Decode(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	differences := manifest.Diff(written, m)
	if err := p.print(append([]manifest.Difference{}, differences...), func(w io.Writer) error {
		for _, d := range differences {
			if err := printf(w, "%s\n", d); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if n := len(differences); n > 0 {
		return fmt.Errorf("%s no longer matches the code, in %d places; write it anew with %s", file, n, rewrite)
	}
	return nil
}
