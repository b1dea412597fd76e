#!/bin/sh
# Run as the student: renew the copy of the notebooks in the home folder, then become the server that is named.
#   start-student.sh jupyterhub-singleuser [options]
# What the student has changed is never written over; where the copy fails, the server starts all the same.
set -u
server=$1
shift
here=${COURSE:?the course\'s folder}
cd "$HOME" || exit 1
# The compiled renderer, made once at installation: else each student's first picture waits 15 s for it.
cache=${NUMBA_CACHE_DIR:-$HOME/.cache/numba}
if [ -d "$here/.cache/numba" ] && [ ! -d "$cache" ]; then
  mkdir -p "$cache" && cp -r "$here/.cache/numba/." "$cache/"
fi
# Kernels listen on sockets in this folder; a socket's path may have 107 characters, 50 of them its own name.
export JUPYTER_RUNTIME_DIR="$HOME/.run"
export NUMBA_CACHE_DIR="$cache" PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
"$(dirname "$server")/python" "$here/tools/student.py" --update "$HOME/inside-convnets" ||
  echo "no copy of the notebooks could be made in $HOME" >&2
exec "$server" "$@"
