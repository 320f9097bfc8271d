package test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/manifest"
	"github.com/coretasks/core/tasks"
)

// A workspace is a copy of infra/terraform with the example's state in it.
type workspace struct {
	dir    string // the example's
	prefix string
	env    []string
	vars   []string
}

// newWorkspace is ready to plan, on the endpoint of cfg.
func newWorkspace(t *testing.T, cfg aws.Config, vars ...string) *workspace {
	t.Helper()
	root := filepath.Join(t.TempDir(), "terraform")
	if err := os.CopyFS(root, os.DirFS("../terraform")); err != nil {
		t.Fatal(err)
	}
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{
		dir: filepath.Join(root, "examples", "reports"), prefix: uuid.NewString()[:8] + "-",
		env: append(os.Environ(),
			"AWS_ENDPOINT_URL="+*cfg.BaseEndpoint, "AWS_REGION="+cfg.Region, "AWS_DEFAULT_REGION="+cfg.Region,
			"AWS_ACCESS_KEY_ID="+credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credentials.SecretAccessKey),
	}
	w.vars = append([]string{"-var=queue_prefix=" + w.prefix}, vars...)
	w.run(t, "init", "-backend=false")
	return w
}

// command is terraform in the workspace.
func (w *workspace) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "terraform", append([]string{"-chdir=" + w.dir}, args...)...)
	cmd.Env = w.env
	// Terraform takes an interrupt as "finish what you do, and write the state down".
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func (w *workspace) run(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := w.command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	started := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("terraform %s: %v\n%s", args[0], err, out.String())
	}
	t.Logf("terraform %s: %v", args[0], time.Since(started).Round(time.Second))
}

func (w *workspace) apply(t *testing.T) {
	w.run(t, append([]string{"apply", "-auto-approve"}, w.vars...)...)
}

func (w *workspace) destroy(t *testing.T) {
	w.run(t, append([]string{"destroy", "-auto-approve"}, w.vars...)...)
}

// A change is what a plan would do to one resource.
type change struct {
	Address string
	Type    string
	Change  struct {
		Actions       []string
		Before, After map[string]any
	}
}

// differing returns the arguments that a change would change.
func (c change) differing() []string {
	var names []string
	for name, after := range c.Change.After {
		before, err := json.Marshal(c.Change.Before[name])
		if err != nil {
			panic(err)
		}
		if now, err := json.Marshal(after); err != nil || string(before) != string(now) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// plan returns the changes that an apply would make now.
func (w *workspace) plan(t *testing.T) []change {
	t.Helper()
	file := filepath.Join(w.dir, "plan")
	w.run(t, append([]string{"plan", "-out=" + file}, w.vars...)...)
	show := w.command(t.Context(), "show", "-json", file)
	data, err := show.Output()
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		ResourceChanges []change `json:"resource_changes"`
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(plan.ResourceChanges, func(c change) bool {
		return slices.Equal(c.Change.Actions, []string{"no-op"}) || slices.Equal(c.Change.Actions, []string{"read"})
	})
}

func (w *workspace) wantNoChanges(t *testing.T) {
	t.Helper()
	for _, c := range w.plan(t) {
		t.Errorf("a second plan would %v %s: %v", c.Change.Actions, c.Address, c.differing())
	}
}

// write makes the manifest of a program the example's.
func (w *workspace) write(t *testing.T, r *tasks.Registry) {
	t.Helper()
	m, err := manifest.Of(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "core.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantNothingLeft looks for what is named by the prefix.
func wantNothingLeft(t *testing.T, prefix string, lists map[string]func(context.Context) ([]string, error)) {
	t.Helper()
	for what, list := range lists {
		names, err := list(t.Context())
		if err != nil {
			t.Errorf("list %s: %v", what, err)
		}
		for _, name := range names {
			if strings.Contains(name, prefix) {
				t.Errorf("destroy left the %s %s", what, name)
			}
		}
	}
}

// needTerraform skips the test, or fails it under make test, where terraform is missing.
func needTerraform(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		testenv.Unavailable(t, "needs terraform: %v", err)
	}
	if testing.Short() {
		t.Skip("takes minutes")
	}
}
