#!/bin/sh
# Finds, or installs from Debian's packages and npm's, what the tests use beyond Python packages, and says which. What is
# missing afterwards fails in CI (the variable CI is set); elsewhere the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."

packages="chromium-headless-shell fonts-noto-color-emoji nodejs npm postgresql prometheus"
in_place_of_shell=

is_there() {
    case $1 in
    chromium-headless-shell) [ -x /usr/bin/chromium-headless-shell ] || [ -x "$in_place_of_shell" ] ;;
    fonts-noto-color-emoji) [ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] ;;
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    prometheus) command -v prometheus >/dev/null && command -v promtool >/dev/null ;;
    esac
}

missing() {
    for package in $packages; do
        is_there "$package" || printf '%s ' "$package"
    done
}

# The tests start their own servers on free ports: none of the system's may start, and no database be created.
quietly_install() {
    policy=/usr/sbin/policy-rc.d
    drop_in=/etc/postgresql-common/createcluster.d/balanza-tests.conf
    [ -e $policy ] && own_policy=no || own_policy=yes
    clean_up() {
        [ $own_policy = no ] || rm -f $policy
        rm -f $drop_in
    }
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" >$drop_in
    if [ $own_policy = yes ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# An OpenID provider: into .tools, where it stays, and nothing but what the lock file says, by its checksums.
provider_lock=tests/support/oidc/package-lock.json
provider_folder=.tools/oidc

has_provider() {
    [ -d $provider_folder/node_modules ] && cmp -s $provider_lock $provider_folder/package-lock.json
}

# Debian 12 has Node.js 18, with which npm runs and the provider does not: then npm brings a newer one beside it.
node_version=22.23.3
node_folder=.tools/node

has_node() {
    [ -x $node_folder/bin/node ] || node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null
}

install_node() {
    case $(uname -m) in x86_64) kind=linux-x64 ;; aarch64) kind=linux-arm64 ;; *) return ;; esac
    if npm install --prefix $node_folder --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
        "node-$kind@$node_version" >/dev/null; then
        ln -sfn "node_modules/node-$kind/bin" $node_folder/bin
    fi
}

install_provider() {
    new=$provider_folder.new
    rm -rf $provider_folder $new
    mkdir -p $new
    cp tests/support/oidc/package.json $provider_lock $new
    if npm ci --prefix $new --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; then
        mv $new $provider_folder
    fi
}

if [ "${1:-}" = --install ]; then
    shift
    quietly_install "$@" </dev/null
    exit
fi

wanted=$(missing)
if [ -n "$wanted" ] && command -v apt-get >/dev/null; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    if $as_root true 2>/dev/null; then
        echo "tests: installing $wanted"
        # shellcheck disable=SC2086 # lists of words
        $as_root sh scripts/test-tools.sh --install $wanted || echo "tests: apt-get could not install all of them (see above)" >&2
    fi
fi

# The whole Chromium does what the shell does, at three times the processor time.
in_place_of_shell=/usr/bin/chromium

for package in $packages; do
    if ! is_there "$package"; then state=missing
    else case " $wanted " in *" $package "*) state=installed ;; *) state=found ;; esac
    fi
    echo "tests: $package $state"
done

if is_there npm && ! has_node; then
    echo "tests: installing Node.js $node_version"
    install_node
fi

state=found
if ! has_provider && has_node && is_there npm; then
    echo "tests: installing oidc-provider"
    install_provider
    state=installed
fi
has_provider && has_node || state=missing
echo "tests: oidc-provider $state"

left=$(missing)
[ -z "$left" ] || echo "tests: missing $left- install with: apt-get install --no-install-recommends $left" >&2
[ $state != missing ] || echo "tests: missing oidc-provider, which npm installs with a Node.js that is new enough" >&2
if [ -n "$left" ] || [ $state = missing ]; then
    [ -z "${CI:-}" ] || exit 1
    echo "tests: the tests that need them are skipped" >&2
fi
