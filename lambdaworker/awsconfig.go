package lambdaworker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// AWSConfig is the configuration that Lambda gives its functions by variables: region, credentials, and what else the
// SDK reads from the environment for its clients of SQS, DynamoDB and their like: endpoints (AWS_ENDPOINT_URL,
// AWS_ENDPOINT_URL_SQS, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, ...), retries (AWS_MAX_ATTEMPTS,
// AWS_RETRY_MODE), AWS_CA_BUNDLE, AWS_SDK_UA_APP_ID and so on. A value that the SDK would refuse is an error.
//
// It reads no profiles and asks nobody, which keeps the binary small and its start short; a function that needs more of
// the SDK's chain makes its clients of config.LoadDefaultConfig and passes one as [SQS].
func AWSConfig() (aws.Config, error) {
	v := &variables{}
	credentials := aws.Credentials{
		AccessKeyID:     v.text("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"),
		SecretAccessKey: v.text("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"),
		SessionToken:    v.text("AWS_SESSION_TOKEN"),
		AccountID:       v.text("AWS_ACCOUNT_ID"),
		Source:          "environment",
	}
	retrieve := func(context.Context) (aws.Credentials, error) { return credentials, nil }
	cfg := aws.Config{
		Region:        v.text("AWS_REGION", "AWS_DEFAULT_REGION"),
		Credentials:   aws.CredentialsProviderFunc(retrieve),
		ConfigSources: []any{v},

		RetryMaxAttempts: int(v.number("AWS_MAX_ATTEMPTS", 0, 0, 1<<31-1)),
		RetryMode:        aws.RetryMode(v.choice("AWS_RETRY_MODE", "", "standard", "adaptive")),

		AppID:                       v.text("AWS_SDK_UA_APP_ID"),
		DisableRequestCompression:   v.flag("AWS_DISABLE_REQUEST_COMPRESSION") == yes,
		RequestMinCompressSizeBytes: v.number("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", 10240, 0, 10485760),
		DisableClockSkewCorrection:  v.flag("AWS_DISABLE_CLOCK_SKEW_CORRECTION") == yes,
		AccountIDEndpointMode:       v.accountIDEndpointMode(),
		RequestChecksumCalculation:  aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation:  aws.ResponseChecksumValidationWhenSupported,
		AuthSchemePreference:        list(v.text("AWS_AUTH_SCHEME_PREFERENCE")),
	}
	const supported, required = "when_supported", "when_required"
	if v.choice("AWS_REQUEST_CHECKSUM_CALCULATION", supported, supported, required) == required {
		cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}
	if v.choice("AWS_RESPONSE_CHECKSUM_VALIDATION", supported, supported, required) == required {
		cfg.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	v.ignoreEndpoints = v.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if url := v.text("AWS_ENDPOINT_URL"); url != "" && v.ignoreEndpoints != yes {
		cfg.BaseEndpoint = aws.String(url)
	}
	v.fips, v.dualStack = v.flag("AWS_USE_FIPS_ENDPOINT"), v.flag("AWS_USE_DUALSTACK_ENDPOINT")
	v.discovery = v.choice("AWS_ENABLE_ENDPOINT_DISCOVERY", "", "true", "false", "auto")
	cfg.DefaultsMode = aws.DefaultsMode(v.choice("AWS_DEFAULTS_MODE", "legacy",
		"legacy", "standard", "in-region", "cross-region", "mobile", "auto"))
	if cfg.DefaultsMode == aws.DefaultsModeAuto {
		id := aws.ExecutionEnvironmentID(v.text("AWS_EXECUTION_ENV"))
		cfg.RuntimeEnvironment = aws.RuntimeEnvironment{EnvironmentIdentifier: id, Region: cfg.Region}
	}
	if file := v.text("AWS_CA_BUNDLE"); file != "" {
		cfg.HTTPClient = v.trusting(file)
	}
	switch {
	case cfg.Region == "":
		v.err = errors.Join(v.err, errors.New("no AWS region: AWS_REGION is not set, as it is on Lambda"))
	case !credentials.HasKeys():
		v.err = errors.Join(v.err, errors.New("no AWS credentials: "+
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, as they are on Lambda"))
	}
	if v.err != nil {
		return aws.Config{}, v.err
	}
	return cfg, nil
}

// variables reads the environment, and has what the SDK's clients look up by themselves, each in a method of its own.
// Package config of the SDK has the same, with everything else that it links.
type variables struct {
	fips, dualStack, ignoreEndpoints flag
	discovery                        string
	err                              error
}

// A flag is a variable that is true or false, or not set.
type flag int

const (
	unset flag = iota
	no
	yes
)

// text returns the first of the variables that is not empty.
func (v *variables) text(names ...string) string {
	for _, name := range names {
		if text := os.Getenv(name); text != "" {
			return text
		}
	}
	return ""
}

func (v *variables) refuse(name, rule string) {
	v.err = errors.Join(v.err, fmt.Errorf("%s=%q is invalid: it must be %s", name, os.Getenv(name), rule))
}

func (v *variables) flag(name string) flag {
	switch v.choice(name, "", "true", "false") {
	case "true":
		return yes
	case "false":
		return no
	}
	return unset
}

// choice returns one of the values, in any case, or the default where the variable is empty.
func (v *variables) choice(name, byDefault string, values ...string) string {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	for _, value := range values {
		if strings.EqualFold(text, value) {
			return value
		}
	}
	v.refuse(name, strings.Join(values[:len(values)-1], ", ")+" or "+values[len(values)-1])
	return byDefault
}

func (v *variables) number(name string, byDefault, least, most int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		v.refuse(name, fmt.Sprintf("a whole number from %d to %d", least, most))
	}
	return n
}

func (v *variables) accountIDEndpointMode() aws.AccountIDEndpointMode {
	const preferred = "preferred"
	mode := v.choice("AWS_ACCOUNT_ID_ENDPOINT_MODE", preferred, preferred, "required", "disabled")
	return aws.AccountIDEndpointMode(mode)
}

// list splits at commas.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// trusting returns a client that trusts the certificates of a file, and no others.
func (v *variables) trusting(file string) aws.HTTPClient {
	pem, err := os.ReadFile(file)
	if err != nil {
		v.err = errors.Join(v.err, fmt.Errorf("AWS_CA_BUNDLE: %w", err))
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		v.refuse("AWS_CA_BUNDLE", "a file with certificates in PEM")
		return nil
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = roots
	})
}

// GetServiceBaseEndpoint implements the SDK's lookup of AWS_ENDPOINT_URL_<SERVICE>.
func (v *variables) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	url := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return url, url != "", nil
}

// GetIgnoreConfiguredEndpoints implements the SDK's lookup of AWS_IGNORE_CONFIGURED_ENDPOINT_URLS.
func (v *variables) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return v.ignoreEndpoints == yes, v.ignoreEndpoints != unset, nil
}

// GetUseFIPSEndpoint implements the SDK's lookup of AWS_USE_FIPS_ENDPOINT.
func (v *variables) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	states := [...]aws.FIPSEndpointState{
		unset: aws.FIPSEndpointStateUnset, no: aws.FIPSEndpointStateDisabled, yes: aws.FIPSEndpointStateEnabled,
	}
	return states[v.fips], v.fips != unset, nil
}

// GetUseDualStackEndpoint implements the SDK's lookup of AWS_USE_DUALSTACK_ENDPOINT.
func (v *variables) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	states := [...]aws.DualStackEndpointState{
		unset: aws.DualStackEndpointStateUnset, no: aws.DualStackEndpointStateDisabled,
		yes: aws.DualStackEndpointStateEnabled,
	}
	return states[v.dualStack], v.dualStack != unset, nil
}

// GetEnableEndpointDiscovery implements the SDK's lookup of AWS_ENABLE_ENDPOINT_DISCOVERY.
func (v *variables) GetEnableEndpointDiscovery(context.Context) (aws.EndpointDiscoveryEnableState, bool, error) {
	switch v.discovery {
	case "true":
		return aws.EndpointDiscoveryEnabled, true, nil
	case "false":
		return aws.EndpointDiscoveryDisabled, true, nil
	case "auto":
		return aws.EndpointDiscoveryAuto, true, nil
	}
	return aws.EndpointDiscoveryUnset, false, nil
}
