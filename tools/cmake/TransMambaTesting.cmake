# How tests are made. Unit tests work without LLVM as well: the package and runtime libraries are tested in both builds.

find_package(GTest REQUIRED)

# Results of all suites are collected here, as JUnit XML.
set(TRANSMAMBA_TEST_RESULTS ${CMAKE_BINARY_DIR}/test-results)

add_custom_target(transmamba-unit-tests)

# transmamba_add_unittest(NAME source... [LINK target...]): a GoogleTest program in build/unit, run by ctest.
# Tests find data of the source tree under the macro TRANSMAMBA_SOURCE_DIR.
function(transmamba_add_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  transmamba_target_options(${name})
  target_compile_definitions(${name} PRIVATE TRANSMAMBA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  transmamba_use_precompiled_headers(${name} TransMambaTestPrecompiledHeaders)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
  add_dependencies(transmamba-unit-tests ${name})
  add_test(NAME ${name} COMMAND ${name} --gtest_output=xml:${TRANSMAMBA_TEST_RESULTS}/${name}.xml)
endfunction()

# The lit suite of test/, as the target check-transmamba. Programs that it runs are everything in tools/.
function(transmamba_add_lit_suite)
  find_program(TRANSMAMBA_LIT NAMES lit llvm-lit HINTS ${TRANSMAMBA_LLVM_PREFIX}/bin NO_DEFAULT_PATH)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  configure_file(lit.site.cfg.py.in lit.site.cfg.py @ONLY)
  get_property(tools GLOBAL PROPERTY TRANSMAMBA_TOOLS)
  add_custom_target(check-transmamba
    COMMAND ${CMAKE_COMMAND} -E make_directory ${TRANSMAMBA_TEST_RESULTS}
    COMMAND ${TRANSMAMBA_LIT} -sv ${CMAKE_CURRENT_BINARY_DIR} --xunit-xml-output ${TRANSMAMBA_TEST_RESULTS}/lit.xml
    DEPENDS ${tools}
    COMMENT "Running the lit suite"
    USES_TERMINAL)
endfunction()
