package cli

import (
	"context"
	"net/url"
	"path"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// localRole stands for an execution role where the endpoint asks for none: the embedded one, and stand-ins for AWS.
const localRole = "arn:aws:iam::000000000000:role/core-scheduler"

// schedulerAPI returns the EventBridge Scheduler client that the flags ask for.
func (p *program) schedulerAPI(ctx context.Context) (*scheduler.Client, error) {
	cfg, err := p.awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	return schedules.NewAPI(cfg), nil
}

// withSchedules calls do with what reconciles the schedules.
func (p *program) withSchedules(ctx context.Context, do func(*schedules.Manager) error) error {
	return p.withClient(ctx, func(client *sqsqueue.Client) error {
		api, err := p.schedulerAPI(ctx)
		if err != nil {
			return err
		}
		manager, err := p.manager(api, client, p.role(api.Options().BaseEndpoint))
		if err != nil {
			return err
		}
		return do(manager)
	})
}

func (p *program) manager(api schedules.API, queues schedules.Queues, role string) (*schedules.Manager, error) {
	manager, err := schedules.New(api, queues, p.schedulesConfig(role))
	if err != nil {
		return nil, &usageError{err: err}
	}
	return manager, nil
}

// later keeps long countdowns as one-time schedules: on the embedded endpoint, and where a role is set. Otherwise it is nil,
// and they travel in hops, since not every stand-in for AWS fires schedules.
func (p *program) later(api schedules.API) (*schedules.Later, error) {
	role := p.settings.role
	if role == "" && p.settings.local {
		role = localRole
	}
	if role == "" {
		return nil, nil //nolint:nilnil // none is a setting, not an error
	}
	later, err := schedules.NewLater(api, p.schedulesConfig(role))
	if err != nil {
		return nil, &usageError{err: err}
	}
	return later, nil
}

// queueConfig is that of a client whose jobs may be kept for later; later can be nil.
func (p *program) queueConfig(later *schedules.Later) sqsqueue.Config {
	cfg := sqsqueue.Config{Prefix: p.settings.prefix, Logger: p.logger()}
	if later != nil {
		cfg.Later = later
	}
	return cfg
}

// forgetful returns the store, which may be nil, as one that deletes a cancelled job's one-time schedule.
func (p *program) forgetful(store results.Store, later *schedules.Later) results.Store {
	if store == nil || later == nil {
		return store
	}
	return results.OnCancel(store, later.Drop, p.logger())
}

// role is the execution role of schedules. Only AWS itself looks at it.
func (p *program) role(endpoint *string) string {
	if p.settings.role == "" && standIn(endpoint) {
		return localRole
	}
	return p.settings.role
}

// standIn reports whether an endpoint is not AWS's own.
func standIn(endpoint *string) bool {
	at, err := url.Parse(aws.ToString(endpoint))
	if err != nil || at.Host == "" {
		return false
	}
	for _, own := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if strings.HasSuffix(at.Hostname(), own) {
			return false
		}
	}
	return true
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// schedulesConfig says whose schedules the program's are: by the flag, or by its module, whose path is looked at too.
func (p *program) schedulesConfig(role string) schedules.Config {
	cfg := schedules.Config{Prefix: p.settings.prefix, Application: p.settings.application, RoleARN: role}
	if cfg.Application == "" {
		cfg.Application, cfg.Module = ofModule()
	}
	return cfg
}

// ofModule names the program after the last part of its module's path, which all commands of a program share.
func ofModule() (name, module string) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path == "" {
		return "core", ""
	}
	module = info.Main.Path
	if major := path.Base(module); majorVersion.MatchString(major) {
		return path.Base(path.Dir(module)), path.Dir(module)
	}
	return path.Base(module), module
}
