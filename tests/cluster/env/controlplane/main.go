// Command controlplane is a whole Kubernetes in one program: called as
// "controlplane kubelet …", or through a symbolic link named after a
// component ("kubectl", …), it becomes that component. One program links the
// libraries the components share once, so it builds in a fraction of the time
// and the room that eight programs would take.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	if !run(name) {
		if len(os.Args) > 1 {
			// The components read os.Args themselves.
			os.Args = os.Args[1:]
			name = os.Args[0]
		}
		if !run(name) {
			fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|"+
				"kube-scheduler|kubelet|kube-proxy|kubectl|coredns [ARGUMENT]…")
			os.Exit(2)
		}
	}
}

// run becomes the named component and exits with its code when it ends. It
// returns false if there is no component of this name.
func run(name string) bool {
	var command *cobra.Command
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		os.Exit(0)
	case "coredns":
		serveDNS(os.Args[1:])
		os.Exit(0)
	case "kubectl":
		command = kubectl.NewDefaultKubectlCommand()
		if err := cli.RunNoErrOutput(command); err != nil {
			kubectlutil.CheckErr(err) // prints the error and exits
		}
		os.Exit(0)
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		command = scheduler.NewSchedulerCommand()
	case "kubelet":
		command = kubelet.NewKubeletCommand(context.Background())
	case "kube-proxy":
		command = proxy.NewProxyCommand()
	default:
		return false
	}
	os.Exit(cli.Run(command))
	return true
}

// serveDNS runs CoreDNS with the Corefile given.
func serveDNS(args []string) {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: coredns COREFILE")
		os.Exit(2)
	}
	contents, err := os.ReadFile(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Only these are linked in; their order is the order of the chain.
	dnsserver.Directives = []string{"bind", "ready", "errors", "template", "kubernetes"}
	caddy.TrapSignals()
	instance, err := caddy.Start(caddy.CaddyfileInput{
		Contents: contents, Filepath: args[0], ServerTypeName: "dns",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	instance.Wait()
}
